"""The daily comparison of our accepted records with the regulator's books: counts, hashes, and each difference."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import new_id
from bridge.kernel.time import LEGAL_ZONE, Clock
from bridge.reporting.model import BookEntry, Books, RecordState
from bridge.reporting.ports import Home, ReportingStore
from bridge.reporting.store import record_of
from bridge.reporting.tables import ReportReconciliationRow, ReportRecordRow

MISSING_THERE = "missing_there"
UNKNOWN_HERE = "unknown_here"
DIFFERS = "differs"
RETURNED_THERE = "returned_there"
DIFFERENCES = {
    MISSING_THERE: "监管平台没有这条记录,请重新报送。",
    UNKNOWN_HERE: "监管平台有而本系统当日没有这条记录,请核对来源。",
    DIFFERS: "监管平台收到的内容与本系统报送的不一致,请重新报送。",
    RETURNED_THERE: "监管平台接收后又退回,请更正后重新报送。",
}
_LONGEST_REASON = 600
_TO_SEND_AGAIN = frozenset({MISSING_THERE, DIFFERS, RETURNED_THERE})


@dataclass(frozen=True, slots=True)
class Difference:
    """One record on which the two books do not agree."""

    what: str
    entry: BookEntry

    @property
    def sentence_zh(self) -> str:
        """What it means and what to do; with the regulator's own words where it gave some."""
        words = DIFFERENCES[self.what]
        return f"{words}原因:{self.entry.reason}" if self.entry.reason else words


@dataclass(frozen=True, slots=True)
class Day:
    """Our accepted records of one city and legal day, as the regulator dated them."""

    uscc: str
    division_code: str
    day: date
    entries: tuple[BookEntry, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """A day, the regulator's books of it (None: it gave none), and the differences."""

    ours: Day
    theirs: Books | None
    differences: tuple[Difference, ...]
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A comparison as it was kept; `differences` as (what, kind, number, revision, sentence)."""

    id: str
    division_code: str
    day: str
    made_at: datetime
    our_count: int
    our_sha256: str
    their_count: int | None
    their_sha256: str | None
    differences: tuple[dict[str, Any], ...]
    failure: str | None

    @property
    def agrees(self) -> bool:
        """Whether the regulator's books were seen and are the same."""
        return self.failure is None and not self.differences and self.our_sha256 == self.their_sha256


def day_sha256(entries: Iterable[BookEntry]) -> str:
    """Return the hash of a day: SHA-256 (hex) over a line for each record, sorted."""
    lines = sorted(f"{one.kind}/{one.number}/{one.revision} {one.sha256}\n" for one in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def differences(ours: Sequence[BookEntry], theirs: Sequence[BookEntry]) -> tuple[Difference, ...]:
    """Return each record on which the books do not agree, sorted by its key."""
    here = {one.key: one for one in ours}
    there = {one.key: one for one in theirs}
    found = [Difference(MISSING_THERE, here[key]) for key in here.keys() - there.keys()]
    found += [Difference(UNKNOWN_HERE, there[key]) for key in there.keys() - here.keys()]
    for key in here.keys() & there.keys():
        if there[key].returned and not here[key].returned:
            found.append(Difference(RETURNED_THERE, there[key]))
        elif here[key].sha256 != there[key].sha256:
            found.append(Difference(DIFFERS, there[key]))
    return tuple(sorted(found, key=lambda one: (one.entry.key, one.what)))


def compare(ours: Day, fetch: Callable[[str, str, str], bytes], read: Callable[[bytes], Books]) -> Compared:
    """Return the comparison; one without the regulator's books if it gave none that can be read."""
    try:
        theirs = read(fetch(ours.uscc, ours.division_code, ours.day.isoformat()))
    except (Unavailable, InvalidInput) as error:
        return Compared(ours, None, (), error.reason)
    if (theirs.count, theirs.sha256) != (len(theirs.entries), day_sha256(theirs.entries)):
        return Compared(ours, None, (), "books_inconsistent")
    return Compared(ours, theirs, differences(ours.entries, theirs.entries))


class ReconciliationService:
    """Comparisons of one institution in one unit of work."""

    def __init__(self, tx: Tx, store: ReportingStore, home: Home, clock: Clock) -> None:
        self._tx = tx
        self._store = store
        self._home = home
        self._clock = clock

    def ours(self, division_code: str, day: date) -> Day:
        """Return what the regulator should have of that legal day."""
        institution = self._home.institution()
        starts = datetime(day.year, day.month, day.day, tzinfo=LEGAL_ZONE)
        rows = self._tx.session.scalars(
            select(ReportRecordRow).where(
                ReportRecordRow.division_code == division_code,
                ReportRecordRow.settled_at >= starts.astimezone(self._clock.now().tzinfo),
                ReportRecordRow.settled_at
                < (starts + timedelta(days=1)).astimezone(self._clock.now().tzinfo),
                or_(
                    ReportRecordRow.state == RecordState.ACCEPTED.value,
                    # Accepted that day, and found since to be returned or another there: still in both books.
                    ReportRecordRow.reason_code.in_((RETURNED_THERE, DIFFERS)),
                ),
            )
        )
        entries = tuple(
            BookEntry(one.kind, one.number, one.revision, one.sha256 or "", one.reason_code == RETURNED_THERE)
            for one in map(record_of, rows)
        )
        return Day("" if institution is None else institution.uscc, division_code, day, entries)

    def keep(self, compared: Compared, *, by: str) -> Reconciliation:
        """Keep a comparison; what is to be sent again joins what waits for people, with its reason."""
        now = self._clock.now()
        again = [one for one in compared.differences if one.what in _TO_SEND_AGAIN]
        for one in again:
            # Not when it was settled: it stays in the books of that day.
            self._store.move(
                [one.entry.key], RecordState.RETURNED, code=one.what, reason=one.sentence_zh[:_LONGEST_REASON]
            )
        ours, theirs = compared.ours, compared.theirs
        row = ReportReconciliationRow(
            id=new_id("rn"),
            institution_id=self._tx.institution_id,
            division_code=ours.division_code,
            day=ours.day.isoformat(),
            made_at=now,
            our_count=len(ours.entries),
            our_sha256=day_sha256(ours.entries),
            their_count=None if theirs is None else theirs.count,
            their_sha256=None if theirs is None else theirs.sha256,
            differences=[
                {
                    "what": one.what,
                    "kind": one.entry.kind.value,
                    "number": one.entry.number,
                    "revision": one.entry.revision,
                    "sentence": one.sentence_zh,
                }
                for one in compared.differences
            ],
            failure=compared.failure,
        )
        self._tx.session.add(row)
        self._store.add_step("reconcile", f"{ours.division_code}|{ours.day}", by, now, compared.failure or "")
        self._tx.session.flush()
        return _kept(row)

    def kept(self, reconciliation_id: str) -> Reconciliation | None:
        """Return a comparison of this institution, however old; None if there is none of that id."""
        row = self._tx.session.scalar(
            select(ReportReconciliationRow).where(ReportReconciliationRow.id == reconciliation_id)
        )
        return None if row is None else _kept(row)

    def newest(self, limit: int = 60) -> tuple[Reconciliation, ...]:
        """Return the last comparisons, the newest first."""
        rows = self._tx.session.scalars(
            select(ReportReconciliationRow)
            .order_by(ReportReconciliationRow.made_at.desc(), ReportReconciliationRow.id.desc())
            .limit(limit)
        )
        return tuple(map(_kept, rows))


def _kept(row: ReportReconciliationRow) -> Reconciliation:
    return Reconciliation(
        row.id,
        row.division_code,
        row.day,
        row.made_at,
        row.our_count,
        row.our_sha256,
        row.their_count,
        row.their_sha256,
        tuple(row.differences),
        row.failure,
    )
