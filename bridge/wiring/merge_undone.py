"""What follows when two people undo a merge: what came before goes back, what came after stays and is named.

A merge moves no ledger, no reference and no paper, so those of before need no way back: the record that was given up is
found by its own numbers again. What goes back by a deed is its account, and its places on enrolment lists where nothing
was earned since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.identity.bindings import Binding, bindings_of
from bridge.identity.change_model import VERSIONS, Change, ChangeKind, ChangeState
from bridge.identity.model import MERGE_UNDONE, PERSON_MERGED, ListRow
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.presence.tables import FaceReferenceRow, StudySessionRow
from bridge.wiring.person_ends import EndSessions, counts, end_binding

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations


@dataclass(frozen=True, slots=True)
class StillThere:
    """What a record that went on has in a class run since the merge, and which may be the other person's.

    Args:
        listed: its place on the enrolment list is by a document of the other record.
        theirs: study sessions under the account that came with the other record.
        unknown: study sessions under its own account: no machine can say who of the two that was.
        papers: numbers of what was issued since the merge.
        face: whether a face is registered.
    """

    record: LearnerRef
    class_run: ClassRunId
    title: str
    listed: bool
    theirs: int
    unknown: int
    papers: tuple[str, ...]
    face: bool


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What an undone merge leaves to staff.

    Args:
        undone: the change by which it was undone.
        accounts: bound to the record that went on since the merge, and holding.
        versions: names, employers and documents that were confirmed for it since the merge.
        lost: whose keys of the other record were destroyed since the merge; nothing brings them back.
    """

    undone: Change
    accounts: tuple[Binding, ...]
    versions: tuple[Change, ...]
    class_runs: tuple[StillThere, ...]
    lost: tuple[EvidencePurpose, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to decide."""
        return not (self.accounts or self.versions or self.class_runs or self.lost)


def undo_merge(
    house: "House", tx: Tx, stations: "Stations", undone: Change, end_sessions: EndSessions
) -> None:
    """Give the account and the places on enrolment lists back, within the unit of work that confirmed `undone`."""
    survivor, other = undone.learner, LearnerRef(undone.other or "")
    store = SqlIdentityStore(tx, house.cipher)
    merge = _merge_of(stations.changes.of(survivor), undone)
    account = _taken_account(tx, other, merge)
    if account is not None:
        owner = stations.identity.owner_of_account(account)
        group = store.changes.records_of(survivor)
        released = any(
            _freed_by_staff(one, account, merge) for each in group for one in bindings_of(tx, each)
        )
        if owner is not None and owner in group:
            end_binding(tx, stations, owner, account, MERGE_UNDONE, undone.proposed_by, end_sessions)
            owner = None
        # An account that staff freed, or that became a third person's, is nobody's to give back.
        if owner is None and not released and store.owner(other) is None:
            stations.identity.hand_over_account(account, other)
    give_back_places(house, tx, undone)


def give_back_places(house: "House", tx: Tx, undone: Change) -> int:
    """Give places on enrolment lists back in which nothing counts (any more); return how many."""
    stations = house.at(tx)
    other = LearnerRef(undone.other or "")
    given = 0
    if other in stations.changes.records_of(undone.learner):
        return 0  # they were merged again since
    for record, row in _places(house, tx, undone):
        if not counts(stations, record, row.class_run):
            stations.identity.give_back(row, other)
            given += 1
    return given


def left_over(house: "House", tx: Tx, undone: Change) -> LeftOver:
    """Return what came after the merge and stays until staff decide."""
    stations = house.at(tx)
    survivor, other = undone.learner, LearnerRef(undone.other or "")
    store = SqlIdentityStore(tx, house.cipher)
    changes = stations.changes.of(survivor)
    merge = _merge_of(changes, undone)
    since, until = _instant(merge), _instant(undone)
    group = store.changes.records_of(survivor)
    places = {(record, row.class_run) for record, row in _places(house, tx, undone)}
    sessions = _sessions(house, tx, group, since, until)
    taken = _taken_account(tx, other, merge)
    class_runs = []
    for record, class_run in sorted(places | set(sessions)):
        accounts = sessions.get((record, class_run), [])
        papers = stations.completion_store.papers(record, class_run)
        face = tx.session.get(FaceReferenceRow, (record, class_run)) is not None
        class_runs.append(
            StillThere(
                record,
                class_run,
                stations.registry.class_run(class_run).title,
                (record, class_run) in places,
                accounts.count(taken) if taken else 0,
                sum(one != taken for one in accounts),
                tuple(one.number for one in papers if since <= one.issued_at <= until),
                face,
            )
        )
    return LeftOver(
        undone,
        tuple(
            one
            for record in group
            for one in bindings_of(tx, record)
            if one.ended_at is None and since <= one.bound_at <= until
        ),
        tuple(
            one
            for one in changes
            if one.kind in VERSIONS
            and one.state is ChangeState.CONFIRMED
            and one.decided_at is not None
            and since <= one.decided_at <= until
        ),
        tuple(class_runs),
        _destroyed(tx, store.changes.records_of(other), since, until),
    )


def _merge_of(changes: Sequence[Change], undone: Change) -> Change:
    """Return the merge that `undone` undid: the newest of its two records that does not stand."""
    return next(
        one
        for one in reversed(changes)
        if one.kind is ChangeKind.MERGE
        and one.state is ChangeState.UNDONE
        and (one.learner, one.other) == (undone.learner, undone.other)
        and _instant(one) <= _instant(undone)
    )


def _instant(change: Change) -> datetime:
    if change.decided_at is None:
        raise ValueError(change.id)
    return change.decided_at


def _taken_account(tx: Tx, other: LearnerRef, merge: Change) -> str | None:
    """Return the account whose binding to the record that was given up the merge ended."""
    ended = [
        one.account_id
        for one in bindings_of(tx, other)
        if one.reason == PERSON_MERGED and one.ended_at is not None and one.ended_at >= _instant(merge)
    ]
    return ended[0] if ended else None


def _freed_by_staff(binding: Binding, account: str, merge: Change) -> bool:
    ended = binding.ended_at is not None and binding.ended_at >= _instant(merge)
    return binding.account_id == account and ended and binding.reason != PERSON_MERGED


def _places(house: "House", tx: Tx, undone: Change) -> list[tuple[LearnerRef, ListRow]]:
    """Return the places of the record that went on which are by a document of the other's."""
    store = SqlIdentityStore(tx, house.cipher)
    numbers = set(store.numbers_of(LearnerRef(undone.other or "")))
    return [
        (record, row)
        for record in store.changes.records_of(undone.learner)
        for row in store.list_rows_of(record)
        if row.citizen_id in numbers
    ]


def _sessions(
    house: "House", tx: Tx, records: Sequence[LearnerRef], since: datetime, until: datetime
) -> dict[tuple[LearnerRef, ClassRunId], list[str]]:
    """Return the accounts under which each class run was studied between merge and undoing."""
    row = StudySessionRow
    # The demonstration's study clock runs ahead of the real one: there too much is named rather than too little.
    before = () if house.settings.demonstration else (row.opened_ms <= epoch_ms(until),)
    found: dict[tuple[LearnerRef, ClassRunId], list[str]] = {}
    for learner, class_run, account in tx.session.execute(
        select(row.learner, row.class_run, row.account_id).where(
            row.institution_id == tx.institution_id,
            row.learner.in_(records),
            row.opened_ms >= epoch_ms(since),
            *before,
        )
    ):
        found.setdefault((LearnerRef(learner), ClassRunId(class_run)), []).append(account)
    return found


def _destroyed(
    tx: Tx, records: Sequence[LearnerRef], since: datetime, until: datetime
) -> tuple[EvidencePurpose, ...]:
    purposes = tx.session.scalars(
        select(DataKeyRow.purpose)
        .where(
            DataKeyRow.institution_id == tx.institution_id,
            DataKeyRow.subject.in_(records),
            DataKeyRow.destroyed_at >= since,
            DataKeyRow.destroyed_at <= until,
        )
        .distinct()
    )
    return tuple(sorted(EvidencePurpose(one) for one in purposes))
