"""What staff and operators do with reports: correct, take back, send again, compare, take evidence out."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from typing import IO, TYPE_CHECKING

from sqlalchemy import func, select

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.plugin_loader import load
from bridge.reporting.model import Record, RecordKind
from bridge.reporting.reconciliation import Reconciliation, compare
from bridge.reporting.store import SqlReportingStore
from bridge.reporting.tables import ReportBatchRow, ReportRecordRow

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

TAKEN_OUT = "report_evidence"
"""The purpose in the access log when names leave in an evidence bundle or a nightly form."""


def correct(house: "House", institution: InstitutionId, kind: RecordKind, number: str, by: str) -> int:
    """Queue a corrected record anew, and those of the same learner that were returned with it; return how many."""
    with house.uow.for_institution(institution) as tx:
        store, reporting = SqlReportingStore(tx), house.at(tx).reporting
        newest = store.newest(kind, number)
        if newest is None:
            raise InvalidInput("record_unknown", "没有这条报送记录,请核对。", http_status=404)
        reporting.renew(newest)
        renewed = [newest]
        for one in _with_it(store.to_correct(2000), newest):
            reporting.renew(one)
            renewed.append(one)
        for one in renewed:
            store.add_step("correct", f"{one.kind}/{one.number}/{one.revision}", by, house.clock.now())
    return len(renewed)


def correct_all(house: "House", institution: InstitutionId, by: str) -> int:
    """Queue everything anew that was returned or held, once each; return how many."""
    with house.uow.for_institution(institution) as tx:
        store, reporting = SqlReportingStore(tx), house.at(tx).reporting
        found = store.to_correct(2000)
        for one in found:
            reporting.renew(one)
        if found:
            store.add_step("correct_all", str(len(found)), by, house.clock.now())
    return len(found)


def _with_it(others: Iterable[Record], record: Record) -> Iterator[Record]:
    """Return what was returned only because `record` was missing there."""
    waits_for = {RecordKind.LEARNER: "learner_unknown", RecordKind.CLASS_INFO: "class_unknown"}.get(
        record.kind
    )
    if waits_for is None:
        return
    for one in others:
        of_same = one.class_run == record.class_run and (
            record.kind is RecordKind.CLASS_INFO or one.learner == record.learner
        )
        if one.key != record.key and of_same and one.reason_code in (waits_for, "learner_unknown"):
            yield one


def withdraw(
    house: "House", institution: InstitutionId, kind: RecordKind, number: str, reason: str, by: str
) -> None:
    """Queue what takes a record back."""
    with house.uow.for_institution(institution) as tx:
        queued = house.at(tx).reporting.withdraw(kind, number, reason)
        SqlReportingStore(tx).add_step(
            "withdraw", f"{kind}/{number}/{queued.revision}", by, house.clock.now(), reason
        )


def send_again(house: "House", institution: InstitutionId, batch_id: str, by: str) -> None:
    """Put a batch that was given up on its way again."""
    with house.uow.for_institution(institution) as tx:
        house.at(tx).reporting.send_again(batch_id)
        SqlReportingStore(tx).add_step("send_again", batch_id, by, house.clock.now())


def send_all_again(house: "House", institution: InstitutionId, by: str) -> int:
    """Put every batch that was given up on its way again and open the door; return how many."""
    with house.uow.for_institution(institution) as tx:
        store, reporting = SqlReportingStore(tx), house.at(tx).reporting
        failed = store.failed()
        for one in failed:
            reporting.send_again(one.id)
        reporting.open_door()
        store.add_step("send_all_again", str(len(failed)), by, house.clock.now())
    return len(failed)


def reconcile_day(
    house: "House", institution: InstitutionId, division_code: str, day: date, by: str
) -> Reconciliation:
    """Compare a day with the regulator's books now."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        ours = house.at(tx).reconciliation.ours(division_code, day)
    compared = compare(ours, house.regulator_feed.books, house.batch_format.read_books)
    with house.uow.for_institution(institution) as tx:
        return house.at(tx).reconciliation.keep(compared, by=by)


def evidence_bundle(
    house: "House", institution: InstitutionId, batch_id: str, *, recipient: str, by: str
) -> bytes:
    """Return the ZIP of one submission; each person in it is logged as disclosed."""
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        report = stations.reporting.report(batch_id)
        _log(stations, (one.learner for one in report.records), recipient, by)
        SqlReportingStore(tx).add_step("bundle", batch_id, by, house.clock.now())
        made: bytes = load("bundle.guangdong")(report, stations.reporting.batch_xml(batch_id))
    return made


def nightly_form(
    house: "House",
    institution: InstitutionId,
    division_code: str,
    day: date,
    out: IO[bytes],
    *,
    recipient: str,
    by: str,
) -> int:
    """Write the sum of a city's batches of one legal day into `out`; return how many records it holds."""
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        home = stations.registry_store.institution()
        if home is None:
            raise InvalidInput("institution_unknown", "没有这家机构", http_status=404)
        batches = [
            one
            for one in reversed(SqlReportingStore(tx).batches())
            if one.division_code == division_code and legal_date(one.created_at) == day
        ]
        for one in batches:
            records = SqlReportingStore(tx).records_of(one.id)
            _log(stations, (record.learner for record in records), recipient, by)
        contents = ((one.id, stations.reporting.batch_xml(one.id)) for one in batches)
        totals = load("nightly.guangdong")(out, day, division_code, home.uscc, contents)
        SqlReportingStore(tx).add_step("nightly", f"{division_code}|{day}", by, house.clock.now())
    return int(totals.total())


def states(house: "House", institution: InstitutionId) -> dict[str, dict[str, int]]:
    """Return how many records and batches of the institution stand in each state."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        return {"records": _counts(tx, ReportRecordRow), "batches": _counts(tx, ReportBatchRow)}


def _counts(tx: Tx, table: type[ReportRecordRow] | type[ReportBatchRow]) -> dict[str, int]:
    rows = tx.session.execute(select(table.state, func.count()).group_by(table.state))
    return {row[0]: row[1] for row in rows}


def _log(stations: "Stations", learners: Iterable[LearnerRef | None], recipient: str, by: str) -> None:
    for learner in sorted({one for one in learners if one is not None}):
        # Whose name is gone since stands in what was sent all the same; there is nobody left to log it for.
        with suppress(InvalidInput):
            stations.identity.disclose(learner, purpose=TAKEN_OUT, recipient=recipient, by=by)
