"""A city registers an institution that it knows as a reported offline one (articles 11 and 13)."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, new_id
from bridge.registry.city_register_tables import CityRegisterRow
from bridge.registry.model import DIVISION_CODE
from bridge.registry.tables import CityRegistrationRow, InstitutionRow
from bridge.registry.uscc import check_uscc

_LONGEST = {"name": 120, "document_number": 80, "offline_report": 120, "notice": 120}
_WORDS = {
    "name": "机构名称",
    "document_number": "登记文号",
    "offline_report": "线下培训机构报告的文号或记录",
    "notice": "登记公告的文号或名称",
}


@dataclass(frozen=True, slots=True)
class Registration:
    """What an officer enters.

    Args:
        uscc: unified social credit code.
        seat: the division in which the institution sits, to the county where the city has any.
        division_code: the city that registers it.
        document_number: of the registration.
        offline_report: by which the institution was reported as an offline training institution.
        letter_on: the day of its written letter of intent.
        notice: where the registration was made public.
        valid_from, valid_until: both days included.
    """

    uscc: str
    name: str
    seat: str
    division_code: str
    document_number: str
    offline_report: str
    letter_on: date
    notice: str
    valid_from: date
    valid_until: date


def institution_with(tx: Tx, uscc: str) -> InstitutionId | None:
    """Return the institution with that code, in a unit of work across institutions."""
    found = tx.session.scalar(select(InstitutionRow.id).where(InstitutionRow.uscc == uscc))
    return None if found is None else InstitutionId(found)


def register(tx: Tx, entered: Registration, *, operator_name: str, by: str) -> bool:
    """Register the institution of the unit of work; return whether it was new to the bridge.

    A new one is not connected to the provincial system until the operator says so, and has no staff until it
    invites some. The name of one that is known stays.

    Args:
        operator_name: who runs the bridge, for a new institution.
        by: the officer's account id.

    Raises:
        InvalidInput: uscc_malformed, registration_text_malformed, registration_dates_reversed, seat_elsewhere,
            registration_known (same city and number).
    """
    texts = {name: _stated(name, getattr(entered, name)) for name in _WORDS}
    check_uscc(entered.uscc)
    if not DIVISION_CODE.fullmatch(entered.seat):
        raise InvalidInput("seat_malformed", "请选择机构所在地。", http_status=422)
    if entered.valid_until < entered.valid_from:
        raise InvalidInput("registration_dates_reversed", "有效期的截止日期早于开始日期。", http_status=422)
    session, institution = tx.session, tx.institution_id
    row = session.get(InstitutionRow, institution)
    is_new = row is None
    if row is None:
        row = InstitutionRow(
            id=institution,
            institution_id=institution,
            uscc=entered.uscc,
            name=texts["name"],
            operator_name=operator_name,
            provincial_connected=False,
            division_code=entered.seat,
        )
        session.add(row)
    elif row.division_code is None:
        row.division_code = entered.seat
    stands = select(CityRegistrationRow.id).where(
        CityRegistrationRow.division_code == entered.division_code,
        CityRegistrationRow.document_number == texts["document_number"],
    )
    if session.scalar(stands) is not None:
        raise InvalidInput("registration_known", "这个登记文号已经录入,请核对。", http_status=409)
    session.add(
        CityRegistrationRow(
            id=new_id("city"),
            institution_id=institution,
            division_code=entered.division_code,
            document_number=texts["document_number"],
            valid_from=entered.valid_from,
            valid_until=entered.valid_until,
        )
    )
    session.add(
        CityRegisterRow(
            id=new_id("creg"),
            institution_id=institution,
            division_code=entered.division_code,
            document_number=texts["document_number"],
            offline_report=texts["offline_report"],
            letter_on=entered.letter_on,
            notice=texts["notice"],
            entered_by=by,
            entered_at=tx.clock.now(),
        )
    )
    session.flush()
    return is_new


def _stated(name: str, text: str) -> str:
    stated = " ".join(text.split())
    if not 2 <= len(stated) <= _LONGEST[name] or not stated.isprintable():
        raise InvalidInput(
            "registration_text_malformed",
            f"请填写{_WORDS[name]},不超过 {_LONGEST[name]} 字。",
            http_status=422,
        )
    return stated
