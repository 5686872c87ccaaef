"""Article 27 at the opening of a class run: whether the LMS still holds its learners' contact data. Pure.

The law forbids keeping it and says no more; that a class run then does not start, for how long a count is good, and
that people may sign an exception is our practice, and each reason cites what it rests on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bridge.kernel.ids import ClassRunId, RegistrationId
from bridge.kernel.time import legal_date
from bridge.registry.model import ClassRun
from bridge.rules.model import ProfileInForce, Reason


@dataclass(frozen=True, slots=True)
class ContactScan:
    """One count of learners with contact data in an LMS course.

    Args:
        counts: people by field, in the order of intake's `CONTACT_FIELDS`.
    """

    learners: int
    with_contact: int
    counts: tuple[int, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class CourseContact:
    """What is known of one LMS course in which the class run is taught.

    Args:
        plugin: its LMS runs our plugin, so that a count can be asked for.
        newest: by the time at which the LMS counted; None if it never did.
        clean_at: when it last had learners and counted nobody.
        found_since: when it first counted somebody after that; None while it is clean.
    """

    registration: RegistrationId
    context_id: str
    plugin: bool
    newest: ContactScan | None
    clean_at: datetime | None
    found_since: datetime | None


@dataclass(frozen=True, slots=True)
class Signature:
    """One member of staff who stands for an exception."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactException:
    """Why contact data stays for now, until when, and who stands for it.

    Args:
        with_contact: how many learners it is for; more of them need a new one.
        until: the last legal day on which it holds.
    """

    id: str
    class_run: ClassRunId
    reason: str
    with_contact: int
    until: date
    signatures: tuple[Signature, ...]

    def holds(self, signers: int, on: date) -> bool:
        """Return whether enough people signed and it is not over."""
        return len(self.signatures) >= signers and on <= self.until


@dataclass(frozen=True, slots=True)
class ContactStanding:
    """All that the gate looks at."""

    courses: tuple[CourseContact, ...]
    exceptions: tuple[ContactException, ...]

    @property
    def with_contact(self) -> int:
        """How many learners with contact data the newest counts found, over all courses."""
        return sum(course.newest.with_contact for course in self.courses if course.newest is not None)

    def judged(self) -> tuple[CourseContact, ...]:
        """Return the courses of which something can be said: a plugin is there, or a count was sent."""
        return tuple(course for course in self.courses if course.plugin or course.newest is not None)


def contact_objections(
    standing: ContactStanding, run: ClassRun, rules: ProfileInForce, on: date
) -> tuple[Reason, ...]:
    """Return what article 27 has against teaching the class run on the legal day `on`; an exception in force ends it.

    Raises:
        NoRuleInForce: the class run's profile does not say on that day.

    Source: 粤应急规〔2022〕3号 article 27; what follows from it is practice.
    """
    courses = standing.judged()
    # An LMS without our plugin cannot count: nothing is known, and nothing is asked of the rules.
    if not courses:
        return ()
    retained = rules.value("privacy.contact_data_retained", on)
    gate = rules.value("privacy.contact_gate_required", on)
    if retained.boolean() or not gate.boolean():
        return ()
    signers = rules.value("privacy.contact_exception_signers", on).integer()
    if any(
        one.holds(signers, on) and standing.with_contact <= one.with_contact for one in standing.exceptions
    ):
        return ()
    oldest = rules.value("privacy.contact_scan_max_age_days", on)
    grace = timedelta(days=rules.value("privacy.contact_cleanup_days", on).integer())
    reasons: dict[str, Reason] = {}
    for course in courses:
        if course.newest is None:
            sentence = (
                "学习平台装有本系统插件,但本班次的课程还没有核查过学员联系方式;"
                "请培训机构在学习平台运行一次核查。"
            )
            reasons.setdefault("contact_scan_missing", gate.reason("contact_scan_missing", sentence))
        elif (on - legal_date(course.newest.occurred_at)).days > oldest.integer():
            sentence = (
                f"最近一次学员联系方式核查已超过 {oldest.integer()} 天;"
                "请培训机构检查学习平台的定时任务并重新核查。"
            )
            reasons.setdefault("contact_scan_outdated", oldest.reason("contact_scan_outdated", sentence))
    found = [course for course in courses if course.newest is not None and course.newest.with_contact]
    if any(not _in_grace(course, run, grace, on) for course in found):
        sentence = (
            f"学习平台仍留存 {standing.with_contact} 名学员的联系方式,不得留存;"
            "请培训机构在学习平台清理后重新核查,或按规定签署例外。"
        )
        reasons["contact_data_in_lms"] = retained.reason("contact_data_in_lms", sentence)
    return tuple(reasons.values())


def exceptions_waiting(
    exceptions: Sequence[ContactException], signers: int, on: date
) -> tuple[ContactException, ...]:
    """Return those that want another signature and are not over."""
    return tuple(one for one in exceptions if len(one.signatures) < signers and on <= one.until)


def _in_grace(course: CourseContact, run: ClassRun, grace: timedelta, on: date) -> bool:
    """Whether the class run was taught on a clean count and contact data turned up only lately.

    Else one learner who fills in a telephone number would stop a whole class run in the middle of its lessons.
    """
    if course.clean_at is None or course.found_since is None or legal_date(course.clean_at) < run.opens_on:
        return False
    return on <= legal_date(course.found_since) + grace
