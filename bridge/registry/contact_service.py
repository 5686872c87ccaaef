"""What the registry does for article 27: note what an LMS counts, and let people sign an exception."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import Events
from bridge.kernel.ids import ClassRunId, RegistrationId
from bridge.kernel.time import legal_date, parse_rfc3339
from bridge.registry.contact_gate import (
    ContactException,
    ContactScan,
    ContactStanding,
    contact_objections,
    exceptions_waiting,
)
from bridge.registry.contact_store import SqlContactStore
from bridge.registry.model import ClassRun
from bridge.registry.ports import Now
from bridge.registry.service import RegistryService
from bridge.rules.model import Reason, RuleBook

CONTACT_FOUND = "registry.contact_data_found"
EXCEPTION_SIGNED = "registry.contact_exception_signed"
_REFERENCE = re.compile(r"[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_-]{2,36}")
_SHORTEST_REASON, _LONGEST_REASON = 10, 300


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """What the institution sees of article 27 in one class run.

    Args:
        objections: why the class run does not start; empty while it may.
        signers: how many people an exception needs.
        latest: the last day that an exception signed today may hold.
    """

    run: ClassRun
    standing: ContactStanding
    objections: tuple[Reason, ...]
    signers: int
    latest: date
    today: date

    @property
    def waiting(self) -> tuple[ContactException, ...]:
        """Exceptions that want another signature."""
        return exceptions_waiting(self.standing.exceptions, self.signers, self.today)

    @property
    def in_force(self) -> tuple[ContactException, ...]:
        """Exceptions that hold today."""
        return tuple(one for one in self.standing.exceptions if one.holds(self.signers, self.today))


class ContactGate:
    """Use cases in one institution's unit of work.

    Args:
        clock: real time: what an LMS counts and people sign happens in it.
        study_clock: class runs are opened by its day.
    """

    def __init__(
        self,
        store: SqlContactStore,
        registry: RegistryService,
        events: Events,
        clock: Now,
        study_clock: Now,
        rules: RuleBook,
    ) -> None:
        self._store = store
        self._registry = registry
        self._events = events
        self._clock = clock
        self._study_clock = study_clock
        self._rules = rules

    def note_plugin(self, data: Mapping[str, Any]) -> None:
        """Remember that the platform runs our plugin: from now on a missing count stops its class runs."""
        self._store.note_plugin(RegistrationId(data["registration"]), self._clock.now())

    def note_ping(self, data: Mapping[str, Any]) -> None:
        """Keep the platform's versions and how far its clock was off."""
        self._store.note_ping(
            RegistrationId(data["registration"]),
            parse_rfc3339(data["occurred_at"]),
            data["moodle"],
            data["plugin"],
            data["clock_skew_seconds"],
        )

    def note_scan(self, data: Mapping[str, Any]) -> None:
        """Keep a count, and tell when it is worse than the one before; the same message again changes nothing."""
        registration, course = RegistrationId(data["registration"]), data["context"]
        occurred_at = parse_rfc3339(data["occurred_at"])
        before = self._store.newest_scan(registration, course)
        scan = ContactScan(data["learners"], data["with_contact"], tuple(data["counts"]), occurred_at)
        if not self._store.add_scan(registration, course, scan, data["message"], self._clock.now()):
            return
        known = 0 if before is None else before.with_contact
        if scan.with_contact > known:
            self._events.emit(
                CONTACT_FOUND,
                registration,
                occurred_at=occurred_at,
                idempotency_key=data["message"],
                causation_id=data["message"],
                data={
                    "registration": registration,
                    "class_run": data["class_run"],
                    "before": str(known),
                    "after": str(scan.with_contact),
                    "occurred_at": data["occurred_at"],
                    "message": data["message"],
                },
            )

    def sheet(self, class_run: ClassRunId) -> ContactSheet:
        """Return how the class run stands today; InvalidInput("class_run_unknown")."""
        run = self._registry.class_run(class_run)
        today = legal_date(self._study_clock.now())
        rules = self._rules.profile(run.profile)
        standing = self._store.standing(class_run)
        days = rules.value("privacy.contact_exception_max_days", today).integer()
        return ContactSheet(
            run=run,
            standing=standing,
            objections=contact_objections(standing, run, rules, today),
            signers=rules.value("privacy.contact_exception_signers", today).integer(),
            latest=min(today + timedelta(days=days), run.closes_on),
            today=today,
        )

    def write_exception(self, class_run: ClassRunId, *, reason: str, until: date, by: str) -> str:
        """Write an exception and sign it as the first; return its id. It holds once enough people have signed.

        Args:
            reason: why contact data stays for now; without any contact data itself.
            by: a staff id, never a name.

        Raises:
            InvalidInput: class_run_unknown, reference_malformed, exception_reason_malformed,
                exception_until_malformed, exception_not_needed, exception_waiting.
        """
        sheet = self.sheet(class_run)
        stated = " ".join(reason.split())
        _require_reference(by)
        if not (_SHORTEST_REASON <= len(stated) <= _LONGEST_REASON and stated.isprintable()):
            raise InvalidInput(
                "exception_reason_malformed",
                f"请写明暂不能清理的原因,{_SHORTEST_REASON} 至 {_LONGEST_REASON} 字。",
                http_status=422,
            )
        if not sheet.today <= until <= sheet.latest:
            raise InvalidInput(
                "exception_until_malformed",
                f"例外的截止日期应在 {sheet.today} 至 {sheet.latest} 之间。",
                http_status=422,
            )
        if sheet.waiting:
            raise InvalidInput("exception_waiting", "已有一项例外等待另一人签署,请先处理。", http_status=409)
        if not sheet.objections:
            raise InvalidInput(
                "exception_not_needed", "目前没有因联系方式而不能开班的情况。", http_status=409
            )
        exception = self._store.add_exception(class_run, stated, sheet.standing.with_contact, until)
        self._store.sign(exception, by, self._clock.now())
        self._tell_if_signed(exception, sheet.signers)
        return exception

    def sign_exception(self, exception_id: str, by: str) -> None:
        """Sign as another person; the last one needed makes the exception hold.

        Raises:
            InvalidInput: exception_unknown, reference_malformed, exception_over.
            NotPermitted("second_person_required"): `by` has signed it.
        """
        exception = self._store.exception(exception_id)
        if exception is None:
            raise InvalidInput("exception_unknown", "没有这项例外,请刷新后重试。", http_status=404)
        _require_reference(by)
        sheet = self.sheet(exception.class_run)
        if exception.until < sheet.today:
            raise InvalidInput("exception_over", "这项例外已过截止日期,请重新填写。", http_status=409)
        if not self._store.sign(exception_id, by, self._clock.now()):
            raise NotPermitted("second_person_required", "您已签署过,须由另一名工作人员签署。")
        self._tell_if_signed(exception_id, sheet.signers)

    def _tell_if_signed(self, exception_id: str, signers: int) -> None:
        exception = self._store.exception(exception_id)
        if exception is None or len(exception.signatures) < signers:
            return
        last = exception.signatures[-1]
        self._events.emit(
            EXCEPTION_SIGNED,
            exception.class_run,
            occurred_at=last.at,
            idempotency_key=exception_id,
            data={
                "class_run": exception.class_run,
                "exception": exception_id,
                "with_contact": exception.with_contact,
                "until": exception.until.isoformat(),
                "signed_by": [one.by for one in exception.signatures],
            },
        )


def _require_reference(by: str) -> None:
    if not _REFERENCE.fullmatch(by):
        raise InvalidInput("reference_malformed", "签署人请填写工作人员编号,不要填写姓名。")
