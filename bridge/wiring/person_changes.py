"""What follows when a second person confirms a change to a person's record: merges, undone ones, ended bindings."""

from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.identity.bindings import bindings_of
from bridge.identity.change_model import Change, ChangeKind, ChangeState
from bridge.identity.model import PERSON_MERGED
from bridge.identity.store import SqlIdentityStore
from bridge.identity.turns import take_turn
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date, rfc3339
from bridge.supervision.signals_model import SignalKind
from bridge.wiring.face_reset import reset_face
from bridge.wiring.merge_undone import undo_merge
from bridge.wiring.person_ends import EndSessions, counts, end_binding

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations


def propose_merge(
    house: "House", tx: Tx, survivor: LearnerRef, other_number: str, *, evidence: bytes, by: str
) -> Change:
    """Keep that two records are of one human; InvalidInput as `Changes.propose_merge` and `require_mergeable`."""
    stations = house.at(tx)
    change = stations.changes.propose_merge(survivor, other_number, evidence=evidence, by=by)
    require_mergeable(house, stations, survivor, LearnerRef(change.other or ""))
    return change


def require_mergeable(house: "House", stations: "Stations", survivor: LearnerRef, other: LearnerRef) -> None:
    """Return if the records can be merged with no hour counted twice and no study cut off.

    Raises:
        InvalidInput: merge_other_studies (a class run of the record that is given up has not closed),
            merge_counted_twice (both have time in one class run).
    """
    today = legal_date(house.study_clock.now())
    shared = set(stations.registry.class_runs_of(survivor))
    for class_run in stations.registry.class_runs_of(other):
        if stations.registry.class_run(class_run).closes_on >= today:
            raise InvalidInput(
                "merge_other_studies",
                "要并入的那份记录还有未结束的班次。请改为保留那份记录,或等班次结束后再合并。",
                http_status=409,
            )
        if (
            class_run in shared
            and counts(stations, survivor, class_run)
            and counts(stations, other, class_run)
        ):
            raise InvalidInput(
                "merge_counted_twice",
                "两份记录在同一班次都有学时,合并会重复计算。请先在更正页面把其中一份的学时作废。",
                http_status=409,
            )


def confirm_change(
    house: "House",
    tx: Tx,
    change_id: str,
    *,
    by: str,
    typed: str | None,
    end_sessions: EndSessions,
) -> Change:
    """Confirm a change as the second person, and let follow what follows from it, in one unit of work.

    Args:
        end_sessions: ends the pages that are open under an account.

    Raises:
        InvalidInput: as `Changes.confirm`; binding_changed, face_not_anchored; as `require_mergeable`.
        NotPermitted("second_person_required")
    """
    # One after the other: whether a number is free and a record stands is looked at before it is decided.
    take_turn(tx)
    stations = house.at(tx)
    before = stations.changes.get(change_id)
    done = stations.changes.confirm(change_id, by=by, typed=typed)
    if before.state is not ChangeState.PROPOSED:
        return done
    if done.kind is ChangeKind.MERGE:
        _merge(house, tx, stations, done, end_sessions)
    elif done.kind is ChangeKind.UNMERGE:
        undo_merge(house, tx, stations, done, end_sessions)
        _tell(tx, done, SignalKind.MERGE_UNDONE)
    elif done.kind is ChangeKind.RELEASE:
        _release(tx, stations, done, end_sessions)
    elif done.kind is ChangeKind.FACE_RESET:
        reset_face(tx, stations, done)
        _tell(tx, done, SignalKind.FACE_RESET)
    return done


def _tell(tx: Tx, done: Change, signal: SignalKind) -> None:
    """Have the authority see what two people did by hand; an ended binding tells of itself."""
    now = tx.clock.now()
    tx.emit(
        "identity.person_changed",
        done.learner,
        occurred_at=now,
        idempotency_key=done.id,
        data={
            "change": done.id,
            "kind": signal.value,
            "learner": done.learner,
            "class_run": done.other if signal is SignalKind.FACE_RESET else None,
            "confirmed_by": done.decided_by,
            "reason": done.reason,
            "at": rfc3339(now),
        },
    )


def _release(tx: Tx, stations: "Stations", change: Change, end_sessions: EndSessions) -> None:
    account = change.other or ""
    holds = next((one for one in bindings_of(tx, change.learner) if one.ended_at is None), None)
    # Only what was proposed is ended: the person may have bound another account since.
    if holds is None or holds.account_id != account:
        raise InvalidInput("binding_changed", "这名学员的账号绑定刚刚有变化,请刷新页面。", http_status=409)
    end_binding(tx, stations, change.learner, account, change.reason, change.proposed_by, end_sessions)


def _merge(house: "House", tx: Tx, stations: "Stations", change: Change, end_sessions: EndSessions) -> None:
    survivor, other = change.learner, LearnerRef(change.other or "")
    require_mergeable(house, stations, survivor, other)
    store = SqlIdentityStore(tx, house.cipher)
    account = store.owner(other)
    if account is None:
        return
    end_binding(tx, stations, other, account, PERSON_MERGED, change.proposed_by, end_sessions)
    if store.owner(survivor) is None:
        stations.identity.hand_over_account(account, survivor)
