"""The whole bridge in processes of its own, launched by lti-consumer-xblock: what people click, what its jobs do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.app import create_app
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import FixedClock, epoch_ms
from bridge.registry.link_model import HOURS_TAG
from bridge.settings import ROOT
from plugins.simulators.demonstration.cameras import Camera
from plugins.simulators.demonstration.http_walk import HttpTab, HttpWalk, window
from tests.interop.record import Facts
from tests.interop.xblock import PlatformDesk, running_platform
from tests.interop.xblock_platform.course import (
    DEEP_LINKED,
    DEEP_LINKED_PROGRAMMATIC,
    DEPLOYMENT_ID,
    LEARNER,
    PEOPLE,
    PROCTORED_BY_COURSE,
    TEACHER,
    Link,
    Person,
)
from tests.servers.bridge import RunningBridge, running_bridge, wait_until
from tests.servers.gate_window import GateWindow
from tests.web.furnished import Furnished

pytestmark = pytest.mark.e2e

_CITIZEN_ID = "440199199205151313"  # made up: no division has the code 440199
_ATTEMPT = "2"


def _catalogue(folder: Path) -> Path:
    """Return the demonstration's catalogue with the platform's learner on its list, and no platform in it."""
    shutil.copytree(ROOT / "config" / "demo", folder)
    cut = {
        "institution.yaml": ("\nlti_registrations:", ""),
        "class_runs.yaml": ("    lti_contexts:", ""),
        "enrolment_list.yaml": (
            "  - name: 陈晓安",
            f'  - {{name: {LEARNER.full_name}, citizen_id: "{_CITIZEN_ID}", employer: 示例公司, photo: learner}}\n',
        ),
    }
    for name, (begin, instead) in cut.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert begin in text
        (folder / name).write_text(text[: text.index(begin)] + instead, encoding="utf-8")
    course = (folder / "course.yaml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in course if "resource_link_id" not in line]
    (folder / "course.yaml").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return folder


class Visitor:
    """A window in which somebody is signed in at the platform."""

    def __init__(self, tab: HttpTab, platform: PlatformDesk, person: Person) -> None:
        self.tab, self._platform = tab, platform
        signed = tab.http.post(f"{platform.url}/desk/sign-in", data={"username": person.username}, timeout=20)
        signed.raise_for_status()

    def launch(self, link: Link, message: str = "LtiResourceLinkRequest", **query: str) -> None:
        """Open a link and let the launch submit itself."""
        said = "&".join(f"{name}={value}" for name, value in {"message": message, **query}.items())
        self.tab.open(f"{self._platform.url}/desk/launch/{link.name}?{said}")
        self.tab.submit(self.tab.element("lti-launch"))
        assert self.tab.status == 200, f"{self.tab.url}: {self.tab.status}"


@contextmanager
def _visit(platform: PlatformDesk, person: Person) -> Iterator[Visitor]:
    with window() as tab:
        yield Visitor(tab, platform, person)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    """The bridge with an institution and its class run; it knows no platform."""
    folder = tmp_path_factory.mktemp("bridge")
    with running_bridge(folder, study_factor=1) as started:
        started.load_catalogue(_catalogue(folder / "catalogue"))
        yield started


@pytest.fixture(scope="module")
def xblock(bridge: RunningBridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformDesk]:
    """The platform, registered at the bridge as an operator does it."""
    with running_platform(tmp_path_factory.mktemp("xblock"), bridge.url) as url:
        platform = PlatformDesk(url)
        passport = platform.about["passports"]["course"]
        registered = bridge.command(
            "lti", "register", "--issuer", platform.about["issuer"], "--client-id", passport["client_id"],
            "--auth-login-url", platform.about["auth_login_url"], "--token-url", passport["auth_token_url"],
            "--jwks-url", passport["jwks_url"], "--deployment-id", DEPLOYMENT_ID,
            "--allow-private-host", "127.0.0.2", "--demo", "--json",
        )  # fmt: skip
        assert registered["values"]["launch_url"] == f"{bridge.url}/lti/launch"
        yield platform


@pytest.fixture(scope="module")
def linked(xblock: PlatformDesk) -> PlatformDesk:
    """The platform, in whose course a teacher has put the class run's entry twice, each with a column for hours."""
    with _visit(xblock, TEACHER) as teacher:
        for link in (DEEP_LINKED, DEEP_LINKED_PROGRAMMATIC):
            teacher.launch(link, "LtiDeepLinkingRequest")
            tab = teacher.tab
            if tab.count("deep-link-run"):
                tab.choose("deep-link-run", "run_demo")
                tab.click("deep-link-link")
            tab.choose("deep-link-item", "entry|run_demo|")
            tab.choose("deep-link-hours", "1")
            tab.click("deep-link-submit")
            tab.submit(tab.element("lti-form"))
            assert tab.status == 200, tab.url
    return xblock


@pytest.fixture(scope="module")
def entered(bridge: RunningBridge, linked: PlatformDesk) -> PlatformDesk:
    """The platform, from which a learner has gone every step on the bridge's page."""
    with _visit(linked, LEARNER) as learner:
        tab = learner.tab
        learner.launch(DEEP_LINKED)
        assert tab.url == f"{bridge.url}/learner"
        assert tab.values("step-consent", "data-state") == ["current"]
        tab.click("consent-agree")
        tab.fill("real-name-name", LEARNER.full_name)
        tab.fill("real-name-id", _CITIZEN_ID)
        tab.click("real-name-submit")
        assert tab.count("real-name-masked")
        assert HttpWalk().capture_face(tab, bridge.url)[-1]["done"]
        assert tab.count("face-done")
    return linked


def _learner(bridge: RunningBridge) -> LearnerRef:
    ((learner,),) = bridge.rows("SELECT learner FROM enrolment")
    return LearnerRef(learner)


def test_a_teachers_choice_on_the_bridges_page_is_kept_by_the_platform(
    linked: PlatformDesk, facts: Facts
) -> None:
    for link in (DEEP_LINKED, DEEP_LINKED_PROGRAMMATIC):
        (kept,) = linked.state("content_items", link)
        assert kept["type"] == "ltiResourceLink"
        assert kept["attributes"]["custom"]["anxue_class_run"] == "run_demo"
        assert kept["attributes"]["custom"]["anxue_item"] == "entry"
        assert kept["attributes"]["custom"]["anxue_hours"] == "on"
    facts.told(
        "bridge: LtiDeepLinkingRequest, the class run linked and its entry chosen on the page", "stored"
    )


def test_a_learner_comes_to_the_bridges_page_and_proves_name_and_face(
    bridge: RunningBridge, entered: PlatformDesk, facts: Facts
) -> None:
    assert bridge.rows("SELECT class_run_id FROM enrolment") == [("run_demo",)]
    kept = (bridge.data / "anxue.sqlite3").read_bytes() + (bridge.data / "anxue.sqlite3-wal").read_bytes()
    for person in PEOPLE:
        assert person.email.encode() not in kept
        assert person.full_name.encode() not in kept
    facts.told(
        "bridge: resource link launch of a learner",
        "learner page; consent, real name against the list, face registration; no name and no address in the database",
    )


def test_the_bridges_job_reads_the_roster(bridge: RunningBridge, entered: PlatformDesk, facts: Facts) -> None:
    bridge.wait_for(
        "SELECT DISTINCT with_contact FROM lms_roster_read WHERE outcome = 'read'",
        [(len(PEOPLE),)],
    )
    bridge.wait_for(
        "SELECT role, count(*) FROM lms_membership WHERE until IS NULL GROUP BY role ORDER BY role",
        [("learner", 2), ("teacher", 1)],
    )
    facts.told(
        "bridge: roster read by its job after the launch", "three members; e-mails dropped and counted"
    )


def test_the_connection_test_finds_every_service_and_warns_of_the_e_mail(
    bridge: RunningBridge, entered: PlatformDesk, facts: Facts
) -> None:
    ((registration,),) = bridge.rows("SELECT id FROM lti_registration")
    tested = bridge.command("lti", "test", registration, "--json")
    assert tested["ok"]
    found = {one["step"]: one["reason"] for one in tested["findings"]}
    assert found == {
        "jwks": "jwks_ok",
        "clock": "clock_ok",
        "token": "token_ok",
        "ags": "ags_ok",
        "nrps": "nrps_ok",
        "privacy": "email_seen",
    }
    facts.told(
        "bridge: ./anxue lti test",
        "keys, clock, token, gradebook, roster in order; a warning of the e-mail claim",
    )


def test_class_hours_reach_the_gradebook_in_both_modes(
    bridge: RunningBridge, entered: PlatformDesk, facts: Facts
) -> None:
    # What an agent would have told: Open edX has no plugin that brings one.
    _study_one_unit(bridge)
    with _visit(entered, LEARNER) as learner:
        learner.launch(DEEP_LINKED_PROGRAMMATIC)
        learner.launch(DEEP_LINKED)
    both = (DEEP_LINKED, DEEP_LINKED_PROGRAMMATIC)
    wait_until(
        lambda: [entered.grade(LEARNER, link) for link in both] == [0.5, 5.0],
        lambda: str(
            [entered.get("/desk/state"), bridge.rows("SELECT state, reason, url FROM lms_line_item")]
        ),
    )
    assert [item["tag"] for item in entered.state("line_items", DEEP_LINKED_PROGRAMMATIC)] == [HOURS_TAG]
    assert len(entered.state("line_items", DEEP_LINKED)) == 1
    assert {grade["user"] for grade in entered.state("grades", DEEP_LINKED)} == {LEARNER.external_id}
    facts.told("bridge: 1 of 2 class hours, declarative: the platform's column", "grade 0.5 of 1")
    facts.told("bridge: the same, programmatic: a column made for the link", "grade 5 of 10")


def _study_one_unit(bridge: RunningBridge) -> None:
    """Enter fifty minutes of watched study, of which the outline's first class hour is made."""
    learner, begin = _learner(bridge), datetime.now(UTC) - timedelta(hours=2)
    with bridge.house() as house:
        furnished = Furnished(house, create_app(house.settings, house), FixedClock(begin))
        anchor = {"at_ms": epoch_ms(begin), "method": "id_photo", "good_frames": 3}
        furnished.record(learner, [("anchor", anchor)])
        furnished.watch(learner, "ses_interop", "unit_electric", begin, 3000)
        for minute in range(0, 51, 5):
            furnished.check(learner, "ses_interop", begin + timedelta(minutes=minute))


def test_a_test_is_permitted_after_the_bridges_check_and_ended_by_the_platform(
    bridge: RunningBridge, entered: PlatformDesk, facts: Facts
) -> None:
    with _visit(entered, LEARNER) as learner:
        learner.launch(PROCTORED_BY_COURSE, "LtiStartProctoring", attempt=_ATTEMPT)
        gate = GateWindow(learner.tab, bridge.url, Camera(seed=12))
        agent = gate.watch()
        assert gate.post("start").json()["reason"] == "start_check_required"
        assert entered.state("started_exams", PROCTORED_BY_COURSE) == []
        assert agent.answer_check() == "passed"
        gate.start()
        assert learner.tab.status == 200, learner.tab.url
        (started,) = entered.state("started_exams", PROCTORED_BY_COURSE)
        assert (started["user"], started["attempt_number"]) == (LEARNER.external_id, int(_ATTEMPT))
        learner.launch(PROCTORED_BY_COURSE, "LtiEndAssessment", attempt=_ATTEMPT)
        assert learner.tab.values("gate-ended", "data-by") == ["platform"]
    facts.told("bridge: LtiStartProctoring", "gate page; no permission before the face check is passed")
    facts.told(
        "bridge: LtiStartAssessment from the gate page", "accepted by the platform: the exam is started"
    )
    facts.told("bridge: LtiEndAssessment", "the gate's attempt is ended by the platform's word")
