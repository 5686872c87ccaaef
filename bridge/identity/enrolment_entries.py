"""Enrolment lists that come with a catalogue (YAML): all of a list or nothing, with the place that is wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from bridge.identity.documents import read_document
from bridge.identity.enrolment_files import media_type_of
from bridge.identity.model import is_name, normalise_name
from bridge.identity.ports import IdentityStore
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId
from bridge.kernel.time import legal_date
from bridge.registry.model import EnrolmentEntry


@dataclass(frozen=True, slots=True)
class _Checked:
    """An entry whose fields are good."""

    entry: EnrolmentEntry
    number: str = field(repr=False)


def load_list(
    store: IdentityStore,
    evidence: EvidencePort,
    now: datetime,
    entries: Sequence[EnrolmentEntry],
    photographs: Callable[[str], bytes],
) -> int:
    """Write the people of `entries`; return how many are new. See `IdentityService.load_enrolment_list`."""
    checked = _checked(entries, legal_date(now))
    return sum(_load(store, evidence, now, one, photographs) for one in checked)


def _checked(entries: Sequence[EnrolmentEntry], today: date) -> list[_Checked]:
    checked: list[_Checked] = []
    seen: set[tuple[ClassRunId, str]] = set()
    for entry in entries:
        try:
            number = read_document(entry.citizen_id, today).number
        except InvalidInput as error:
            raise _bad_entry(entry, "citizen_id", error.message) from None
        if not is_name(normalise_name(entry.name)):
            raise _bad_entry(entry, "name", "姓名只能填写文字和间隔点。")
        if (entry.class_run_id, number) in seen:
            raise InvalidInput("enrolment_person_twice", f"{entry.read_from}:同一人在名单中出现两次。")
        seen.add((entry.class_run_id, number))
        checked.append(_Checked(entry, number))
    return checked


def _load(
    store: IdentityStore,
    evidence: EvidencePort,
    now: datetime,
    checked: _Checked,
    photographs: Callable[[str], bytes],
) -> bool:
    entry, number = checked.entry, checked.number
    name, employer = entry.name.strip(), entry.employer.strip()
    row = store.list_row(entry.class_run_id, number)
    if row is None:
        row_id = store.add_list_row(entry.class_run_id, name, number, employer, now)
    elif (row.name, row.employer) == (name, employer):
        row_id = row.id
    elif row.learner is None:
        row_id = row.id
        store.change_list_row(row_id, name, employer)
    else:
        raise InvalidInput(
            "enrolment_list_conflict",
            f"{entry.read_from}:该学员已完成实名,不能再用名单修改其信息。",
            http_status=409,
        )
    if entry.photo is not None and (row is None or row.photo is None):
        content, media_type = _photograph(entry, photographs)
        scope = EvidenceScope(store.institution_id, row_id, EvidencePurpose.ID_PHOTO, entry.class_run_id)
        store.set_photo(row_id, evidence.put(scope, content, media_type))
    return row is None


def _bad_entry(entry: EnrolmentEntry, field_name: str, message: str) -> InvalidInput:
    return InvalidInput("enrolment_entry_invalid", f"{entry.read_from}.{field_name}:{message}")


def _photograph(entry: EnrolmentEntry, photographs: Callable[[str], bytes]) -> tuple[bytes, str]:
    symbol = entry.photo or ""
    try:
        content = photographs(symbol)
    except LookupError as error:
        raise InvalidInput("photo_unknown", f"{entry.read_from}.photo:没有这张照片。") from error
    media_type = media_type_of(content)
    if media_type is None:
        raise InvalidInput("photo_malformed", f"{entry.read_from}.photo:照片应为不超过 2 MB 的 JPEG 或 PNG。")
    return content, media_type
