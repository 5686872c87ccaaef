"""Use cases of signals: raise one, see them, acknowledge one. Nothing here reads or writes a ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import Clock, parse_rfc3339
from bridge.supervision.signals_model import (
    WEEKS_SHOWN,
    Signal,
    SignalCount,
    SignalKind,
    SignalView,
    by_week,
)

_MOST = 200
_SHORTEST_NOTE, _LONGEST_NOTE = 4, 300
_IN_ROW = 40
"""Characters of what changed that a row holds."""
_WITHOUT_PRESENCE = "score_without_presence"


class Signals(Protocol):
    """Signals that somebody may see: an institution's own, or those of an area."""

    def signals(self, class_run: ClassRunId | None, limit: int) -> tuple[SignalView, ...]:
        """Return the signals (of one class run), those that nobody has looked into first, then the newest."""
        ...

    def by_day(self, class_run: ClassRunId | None, at: datetime) -> Sequence[tuple[SignalKind, date, int]]:
        """Return how many signals of each kind were raised on each legal day since `at`."""
        ...

    def count(self, class_run: ClassRunId | None) -> SignalCount:
        """Return how many signals there are (of one class run)."""
        ...


class OwnSignals(Signals, Protocol):
    """Those of an institution, which can be added to."""

    def add(self, signal: Signal) -> bool: ...
    def exists(self, signal_id: str) -> bool: ...
    def acknowledge(self, signal_id: str, by: str, note: str, at: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class SignalPage:
    """What a page of signals shows.

    Args:
        left_out: how many signals are not among `signals`, since a page has an end.
        weeks: Mondays, oldest first; `by_kind` has a number for each.
    """

    signals: tuple[SignalView, ...]
    count: SignalCount
    left_out: int
    weeks: tuple[date, ...]
    by_kind: Mapping[SignalKind, tuple[int, ...]]


def signal_page(store: Signals, class_run: ClassRunId | None, now: datetime) -> SignalPage:
    """Return the page of all signals that may be seen, or of those of one class run."""
    count = store.count(class_run)
    shown = store.signals(class_run, _MOST)
    weeks, by_kind = by_week(store.by_day(class_run, now - timedelta(weeks=WEEKS_SHOWN)), now)
    return SignalPage(shown, count, count.all - len(shown), weeks, by_kind)


class SignalService:
    """Signals of one institution, in its unit of work."""

    def __init__(self, store: OwnSignals, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def raise_from_lms(self, data: Mapping[str, Any]) -> None:
        """Raise what an LMS tells of itself; the same message again changes nothing."""
        self._store.add(
            Signal(
                key=f"message:{data['message']}",
                kind=SignalKind(data["kind"]),
                source="lms",
                occurred_at=parse_rfc3339(data["occurred_at"]),
                class_run=data["class_run"],
                unit=data["unit"],
                learner=data["learner"],
                account=data["account"],
                actor=data["actor"],
                before=data["before"],
                after=data["after"],
                message=data["message"],
            )
        )

    def raise_for_contact_data(self, data: Mapping[str, Any]) -> None:
        """Raise that an LMS counted more learners with contact data than before."""
        self._store.add(
            Signal(
                key=f"scan:{data['message']}",
                kind=SignalKind.CONTACT_DATA_FOUND,
                source="bridge",
                occurred_at=parse_rfc3339(data["occurred_at"]),
                class_run=data["class_run"],
                before=data["before"],
                after=data["after"],
                message=data["message"],
            )
        )

    def raise_for_score(self, data: Mapping[str, Any]) -> None:
        """Raise a score that was refused for want of presence; any other decision raises nothing."""
        if _WITHOUT_PRESENCE not in data["reasons"]:
            return
        self._store.add(
            Signal(
                key=f"score:{data['message']}",
                kind=SignalKind.SCORE_WITHOUT_PRESENCE,
                source="bridge",
                occurred_at=parse_rfc3339(data["finished_real"]),
                class_run=data["class_run"],
                unit=data["unit"],
                learner=data["learner"],
                after=data["score"],
                message=data["message"],
            )
        )

    def raise_for_second_score(self, data: Mapping[str, Any]) -> None:
        """Raise another score for an attempt that was decided; the first one stands."""
        self._store.add(
            Signal(
                key=f"second_score:{data['message']}",
                kind=SignalKind.SCORE_CHANGED,
                source="bridge",
                occurred_at=parse_rfc3339(data["finished_real"]),
                class_run=data["class_run"],
                unit=data["unit"],
                learner=data["learner"],
                before=data["decided"],
                after=data["refused"],
                message=data["message"],
            )
        )

    def raise_for_release(self, data: Mapping[str, Any], class_runs: Sequence[ClassRunId]) -> None:
        """Raise in each of the learner's class runs that staff ended the binding of an account."""
        for class_run in class_runs:
            self._store.add(
                Signal(
                    key=f"release:{data['account']}:{data['at']}:{class_run}",
                    kind=SignalKind.ACCOUNT_RELEASED,
                    source="bridge",
                    occurred_at=parse_rfc3339(data["at"]),
                    class_run=class_run,
                    learner=data["learner"],
                    account=data["account"],
                    actor=data["by"],
                    after=data.get("reason"),  # events of before the page have none
                )
            )

    def raise_for_correction(self, data: Mapping[str, Any]) -> None:
        """Raise that two members of staff corrected a learner's ledger."""
        self._store.add(
            Signal(
                key=f"correction:{data['correction']}",
                kind=SignalKind.LEDGER_CORRECTED,
                source="bridge",
                occurred_at=parse_rfc3339(data["at"]),
                class_run=data["class_run"],
                learner=data["learner"],
                actor=data["confirmed_by"],
                before=data["what"],
                after=data["reason"],
            )
        )

    def raise_for_person(self, data: Mapping[str, Any], class_runs: Sequence[ClassRunId]) -> None:
        """Raise in each of these class runs that two members of staff undid a merge or had a face given up."""
        for class_run in class_runs:
            self._store.add(
                Signal(
                    key=f"person:{data['change']}:{class_run}",
                    kind=SignalKind(data["kind"]),
                    source="bridge",
                    occurred_at=parse_rfc3339(data["at"]),
                    class_run=class_run,
                    learner=data["learner"],
                    actor=data["confirmed_by"],
                    after=data["reason"],
                    message=data["change"],
                )
            )

    def raise_for_hours(self, data: Mapping[str, Any]) -> None:
        """Raise that a paper was refused since its hours, reckoned again, were not those that it was due for."""
        before, after = (
            "{online_class_hours}+{offline_class_hours} 学时,{credited_seconds} 秒".format_map(one)[:_IN_ROW]
            for one in (data["expected"], data["recomputed"])
        )
        self._store.add(
            Signal(
                key=f"hours:{data['kind']}:{data['learner']}:{data['recomputed']['ledger_head']}",
                kind=SignalKind.HOURS_DIFFER,
                source="bridge",
                occurred_at=self._clock.now(),
                class_run=data["class_run"],
                learner=data["learner"],
                before=before,
                after=after,
            )
        )

    def raise_for_faces(self, data: Mapping[str, Any]) -> None:
        """Raise of both people that one face was registered for them, each in their own class run."""
        sides = (("learner", "class_run", "other"), ("other", "other_class_run", "learner"))
        for whose, where, other in sides:
            self._store.add(
                Signal(
                    key=f"faces:{data['likeness']}:{data[whose]}",
                    kind=SignalKind.FACE_UNDER_TWO_NAMES,
                    source="bridge",
                    occurred_at=parse_rfc3339(data["at"]),
                    class_run=data[where],
                    learner=data[whose],
                    after=data[other],
                    message=data["likeness"],
                )
            )

    def raise_for_registration(self, data: Mapping[str, Any]) -> None:
        """Raise that something was suspected while a face was registered; the gravest of it, which comes first."""
        self._store.add(
            Signal(
                key=f"challenge:{data['challenge']}",
                kind=SignalKind.FACE_REGISTRATION_SUSPECTED,
                source="bridge",
                occurred_at=parse_rfc3339(data["at"]),
                class_run=data["class_run"],
                learner=data["learner"],
                after=data["suspicions"][0],
                message=data["challenge"],
            )
        )

    def raise_for_fixity(self, data: Mapping[str, Any]) -> None:
        """Raise that evidence in the store is lost, or not as it was stored."""
        self._store.add(
            Signal(
                key=f"fixity:{data['fault']}",
                kind=SignalKind.EVIDENCE_BROKEN,
                source="bridge",
                occurred_at=parse_rfc3339(data["at"]),
                class_run=data["class_run"],
                learner=data["subject"] if str(data["subject"]).startswith("ln_") else None,
                before=data["purpose"],
                after=data["reason"],
                message=data["evidence"],
            )
        )

    def raise_for_unanchored(
        self, learner: LearnerRef, class_run: ClassRunId, provisional_seconds: int
    ) -> None:
        """Raise, once in a class run, that somebody studied for long whom nobody has seen to be the person."""
        self._store.add(
            Signal(
                key=f"unanchored:{learner}:{class_run}",
                kind=SignalKind.STUDIED_UNANCHORED,
                source="bridge",
                occurred_at=self._clock.now(),
                class_run=class_run,
                learner=learner,
                after=str(provisional_seconds),
            )
        )

    def raise_for_test_link(self, data: Mapping[str, Any]) -> None:
        """Raise that staff changed which test of the LMS is the course's."""
        self._store.add(
            Signal(
                key=f"test_link:{data['link']}",
                kind=SignalKind.TEST_LINK_CHANGED,
                source="bridge",
                occurred_at=parse_rfc3339(data["at"]),
                class_run=data["class_run"],
                unit=data["unit"],
                actor=data["by"],
                after="undone" if data["undone"] else "restored",
            )
        )

    def raise_for_exception(self, data: Mapping[str, Any]) -> None:
        """Raise that staff signed for contact data to stay."""
        self._store.add(
            Signal(
                key=f"exception:{data['exception']}",
                kind=SignalKind.CONTACT_EXCEPTION_SIGNED,
                source="bridge",
                occurred_at=self._clock.now(),
                class_run=data["class_run"],
                actor=data["signed_by"][0],
                before=str(data["with_contact"]),
                after=data["until"],
                message=data["exception"],
            )
        )

    def acknowledge(self, signal_id: str, *, by: str, note: str) -> None:
        """Write down that `by` has looked into the signal, and what came of it. The signal stays.

        Args:
            by: a staff id.
            note: without contact data; the door has removed it.

        Raises:
            InvalidInput: signal_unknown (also for another institution's), signal_note_malformed,
                signal_acknowledged.
        """
        stated = " ".join(note.split())
        if not self._store.exists(signal_id):
            raise InvalidInput("signal_unknown", "没有这条信号,请刷新后重试。", http_status=404)
        if not (_SHORTEST_NOTE <= len(stated) <= _LONGEST_NOTE and stated.isprintable()):
            raise InvalidInput(
                "signal_note_malformed",
                f"请写明核实情况,{_SHORTEST_NOTE} 至 {_LONGEST_NOTE} 字。",
                http_status=422,
            )
        if not self._store.acknowledge(signal_id, by, stated, self._clock.now()):
            raise InvalidInput("signal_acknowledged", "这条信号已由其他工作人员核实。", http_status=409)

    def page(self, class_run: ClassRunId | None) -> SignalPage:
        """Return the institution's signals, or those of one of its class runs."""
        return signal_page(self._store, class_run, self._clock.now())

    def count(self, class_run: ClassRunId | None) -> SignalCount:
        """Return how many signals the institution has, in all or of one class run."""
        return self._store.count(class_run)
