"""Departing from the online cap, which holds "in principle" (第十九条): a reason, by two people, for one class run."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId
from bridge.registry.cap_tables import CapExceptionRow
from bridge.registry.model import ClassRun
from bridge.registry.ports import Now
from bridge.rules.model import RuleBook

CONFIRMED = "registry.cap_exception_confirmed"
_SHORTEST, _LONGEST = 6, 300


@dataclass(frozen=True, slots=True)
class CapException:
    """The reason as it was entered; `confirmed_by` is None until a second person confirms it."""

    class_run: ClassRunId
    reason: str
    entered_by: str
    confirmed_by: str | None


class CapExceptions:
    """Reasons of one institution's class runs, within one unit of work.

    Args:
        class_run: the registry's `class_run`.
        clock: the study clock.
    """

    def __init__(
        self, tx: Tx, class_run: Callable[[ClassRunId], ClassRun], clock: Now, rules: RuleBook
    ) -> None:
        self._tx = tx
        self._class_run = class_run
        self._clock = clock
        self._rules = rules

    def of(self, class_run: ClassRunId) -> CapException | None:
        """Return the class run's reason, confirmed or not; InvalidInput("class_run_unknown")."""
        self._class_run(class_run)
        row = self._tx.session.get(CapExceptionRow, class_run)
        return None if row is None else _exception(row)

    def enter(self, class_run: ClassRunId, reason: str, by: str) -> CapException:
        """Write down why; it changes nothing until another person confirms it. An unconfirmed one is replaced.

        Args:
            by: a member of staff, by id.

        Raises:
            InvalidInput: class_run_unknown, override_not_allowed (the rule is no principle), reason_malformed,
                cap_exception_stands.
            NoRuleInForce: no cap holds on the day the class run opens.
        """
        run = self._class_run(class_run)
        rule = self._rules.profile(run.profile).value("hours.online_share_cap_of_theory", run.opens_on)
        if not rule.parameter.override_with_reason:
            raise InvalidInput(
                "override_not_allowed", "这个班次适用的线上学时上限不允许例外。", http_status=409
            )
        reason = reason.strip()
        if not _SHORTEST <= len(reason) <= _LONGEST:
            raise InvalidInput(
                "reason_malformed", f"请写明例外的理由,{_SHORTEST} 至 {_LONGEST} 字,不要写姓名和联系方式。"
            )
        row = self._tx.session.get(CapExceptionRow, class_run)
        if row is not None and row.confirmed_by is not None:
            raise InvalidInput("cap_exception_stands", "这个班次的例外已经确认,不能再改。", http_status=409)
        if row is None:
            row = CapExceptionRow(class_run_id=class_run, institution_id=self._tx.institution_id)
            self._tx.session.add(row)
        row.reason, row.entered_by, row.entered_at = reason, by, self._clock.now()
        row.confirmed_by = row.confirmed_at = None
        self._tx.session.flush()
        return _exception(row)

    def confirm(self, class_run: ClassRunId, reason: str, by: str) -> CapException:
        """Confirm as the second person what was shown; twice by the same is once.

        Args:
            reason: as the page showed it, so that a replaced one is not confirmed unread.

        Raises:
            InvalidInput: class_run_unknown, cap_exception_unknown, cap_exception_changed, cap_exception_stands.
            NotPermitted("second_person_required"): `by` entered it.
        """
        run = self._class_run(class_run)
        row = self._tx.session.get(CapExceptionRow, class_run)
        if row is None:
            raise InvalidInput("cap_exception_unknown", "这个班次没有登记例外。", http_status=404)
        if row.confirmed_by == by:
            return _exception(row)
        if row.confirmed_by is not None:
            raise InvalidInput(
                "cap_exception_stands", "这个班次的例外已由其他工作人员确认。", http_status=409
            )
        if row.entered_by == by:
            raise NotPermitted("second_person_required", "例外须由另一名工作人员确认,登记人不能自己确认。")
        if row.reason != reason:
            raise InvalidInput("cap_exception_changed", "理由刚刚改过,请重新阅读后再确认。", http_status=409)
        now = self._clock.now()
        row.confirmed_by, row.confirmed_at = by, now
        self._tx.session.flush()
        self._tx.emit(
            CONFIRMED,
            run.id,
            occurred_at=now,
            idempotency_key=f"cap_exception:{run.id}",
            data={"class_run": run.id},
        )
        return _exception(row)


def _exception(row: CapExceptionRow) -> CapException:
    return CapException(ClassRunId(row.class_run_id), row.reason, row.entered_by, row.confirmed_by)
