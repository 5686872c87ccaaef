"""The YAML door: a catalogue is loaded whole or not at all, and what is refused is not repeated."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.commands.catalogue import load_catalogue
from bridge.kernel.errors import InvalidInput
from tests.attacks.doors.people import LISTED, Person
from tests.attacks.doors.server import BridgeServer
from tests.presence.pictures import picture

PHOTOGRAPHS: dict[str, bytes] = {
    "learner": picture("0"),
    "not_a_picture": b"text",
    "huge": picture("0") + bytes(3 << 20),
}
_WELL_LISTED = Person(LISTED - 1)


@pytest.fixture
def folder(bridge: BridgeServer, tmp_path: Path) -> Path:
    """The bridge's own catalogue with a short list: what is known stays known."""
    copied: Path = shutil.copytree(bridge.catalogue, tmp_path / "catalogue")
    path = copied / "enrolment_list.yaml"
    listed = json.loads(path.read_text(encoding="utf-8"))
    listed["learners"] = listed["learners"][-3:]
    path.write_text(json.dumps(listed, ensure_ascii=False), encoding="utf-8")
    return copied


def refusal_of(bridge: BridgeServer, folder: Path) -> InvalidInput:
    """Load `folder`; hold that it is refused without a trace and without a personal word."""
    with bridge.unchanged(), pytest.raises(InvalidInput) as refused:
        load_catalogue(bridge.house, folder, dict(bridge.variables), PHOTOGRAPHS.__getitem__)
    said = f"{refused.value.reason} {refused.value.message}"
    assert any("\u4e00" <= letter <= "\u9fff" for letter in refused.value.message)
    assert not [canary for canary in bridge.canaries if canary in said]
    return refused.value


def test_the_same_catalogue_again_changes_nothing(bridge: BridgeServer, folder: Path) -> None:
    # A platform's row is written anew: its secret is the same, encrypted under another nonce.
    with bridge.unchanged("lti_registration"):
        load_catalogue(bridge.house, folder, dict(bridge.variables), PHOTOGRAPHS.__getitem__)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "catalogue_malformed"),
        (b"\xff\xfe\x00", "catalogue_malformed"),
        (b"- a\n- b\n", "catalogue_malformed"),
        (b"a: [1, 2\n", "catalogue_malformed"),
        (b"a: 1\na: 2\n", "catalogue_duplicate_key"),
        (b"a: 1\n---\nb: 2\n", "catalogue_malformed"),
        (b"a: &x [1]\nb: *x\n", "catalogue_malformed"),
        (b"a: !!python/object/apply:os.system ['true']\n", "catalogue_malformed"),
        (b"a: " + b"[" * 50 + b"]" * 50, "catalogue_malformed"),
        (b"a: " + b"[" * 5000, "catalogue_malformed"),
        (b"# " + b"x" * (1 << 20) + b"\n", "catalogue_too_large"),
        (b"surprise: 1\n", "catalogue_"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else value,
)
@pytest.mark.parametrize("name", ["institution.yaml", "enrolment_list.yaml"])
def test_a_file_that_is_no_catalogue_is_refused(
    bridge: BridgeServer, folder: Path, name: str, content: bytes, reason: str
) -> None:
    (folder / name).write_bytes(content)

    assert refusal_of(bridge, folder).reason.startswith(reason)


def test_a_missing_file_is_refused(bridge: BridgeServer, folder: Path) -> None:
    (folder / "class_runs.yaml").unlink()

    assert refusal_of(bridge, folder).reason == "catalogue_file_missing"


def _listed(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    """Return what adds a person, changed, to the end of the enrolment list: all before it is right and new."""

    def edit(folder: Path) -> None:
        path = folder / "enrolment_list.yaml"
        listed = json.loads(path.read_text(encoding="utf-8"))
        for number in (LISTED, LISTED + 1):
            made = Person(number)
            listed["learners"].append(
                {
                    "name": "钟离新",
                    "citizen_id": made.citizen_id,
                    "employer": "新来的单位",
                    "photo": "learner",
                }
            )
        change(listed["learners"][-1])
        path.write_text(json.dumps(listed, ensure_ascii=False), encoding="utf-8")

    return edit


def _replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (_listed(lambda one: one.update(citizen_id="440199199003071210")), "enrolment_entry_invalid"),
        (_listed(lambda one: one.update(citizen_id=440199199003071219)), "catalogue_field_invalid"),
        (_listed(lambda one: one.update(citizen_id="x" * 5000)), "catalogue_field_invalid"),
        (_listed(lambda one: one.update(name="<script>")), "enrolment_entry_invalid"),
        (_listed(lambda one: one.update(name="名" * 500)), "catalogue_field_invalid"),
        (_listed(lambda one: one.update(citizen_id=_WELL_LISTED.citizen_id)), "enrolment_person_twice"),
        (_listed(lambda one: one.update(phone="19900070099")), "catalogue_unknown_field"),
        (_listed(lambda one: one.pop("employer")), "catalogue_field_missing"),
        (_listed(lambda one: one.update(photo="nobody")), "photo_unknown"),
        (_listed(lambda one: one.update(photo="not_a_picture")), "photo_malformed"),
        (_listed(lambda one: one.update(photo="huge")), "photo_malformed"),
        (_replaced("class_runs.yaml", "profile: guangdong", "profile: another"), "profile_unknown"),
        (_replaced("class_runs.yaml", "outline: outline_demo", "outline: another"), "catalogue_reference_unknown"),
        (_replaced("course.yaml", "nominal_ms: 3000000", "nominal_ms: 60000"), "catalogue_conflict"),
        (_replaced("course.yaml", "class_hours: 2", "class_hours: 1"), "catalogue_field_invalid"),
        (_replaced("course.yaml", "nominal_ms: 3000000", "nominal_ms: -1"), "catalogue_field_invalid"),
        (_replaced("institution.yaml", "id: org_demo", "id: org_thief"), "catalogue_id_taken"),
        (_replaced("institution.yaml", "52440199MJK000001Y", "52440199MJK0000011"), "catalogue_field_invalid"),
        (_replaced("institution.yaml", "{webhook_secret}", "short"), "catalogue_field_invalid"),
        (_replaced("institution.yaml", "{lms_url}/lti/jwks", "http://169.254.169.254/"), "catalogue_field_invalid"),
        (_replaced("institution.yaml", "{lms_url}/lti/jwks", "file:///etc/passwd"), "catalogue_field_invalid"),
        (_replaced("institution.yaml", "{lms_url}", "{unknown}"), "catalogue_field_invalid"),
        (_replaced("institution.yaml", "RS256", "none"), "catalogue_field_invalid"),
    ],
)  # fmt: skip
def test_a_fault_anywhere_leaves_nothing_of_the_rest_behind(
    bridge: BridgeServer, folder: Path, edit: Callable[[Path], None], reason: str
) -> None:
    edit(folder)

    assert refusal_of(bridge, folder).reason == reason
