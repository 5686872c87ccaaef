"""The values that settlement reads from the rule packs, day by day, and where legal days begin."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import LEGAL_ZONE, epoch_ms, from_epoch_ms, legal_date
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import LegalDates, NoRuleInForce, ProfileInForce, Resolved

NIGHT_FROM = "study.night_from_minute"
NIGHT_UNTIL = "study.night_until_minute"
FORWARD_SEEK = "study.forward_seek_before_finish"
SEEK_TOLERANCE = "study.forward_seek_tolerance_seconds"
TEST_FIRST = "study.test_before_credit"
"""Parameters that a pack may give; without them the rule does not exist."""

_QUARTER_HOUR_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class StudyLimits:
    """What holds for study on one legal day; integer milliseconds.

    Args:
        max_rate: media time that may pass in the wall time.
        check_reach_ms: how far a passed check proves presence: the longest gap to the next check being asked
            for, and the whole time to answer it.
        night: (from, until) in minutes of the legal day between which nothing counts; across midnight where the first
            is greater. None where no rule sets one.
        forward_seek: media may be sought forward before the unit was finished once; where no rule says otherwise.
        seek_tolerance_ms: how far media may run ahead of the time that passes where it may not be sought forward.
        test_before_credit: study waits for the test of its course; where a rule says so.
    """

    beat_interval_ms: int
    beat_gap_limit_ms: int
    idle_limit_ms: int
    max_rate: Fraction
    daily_cap_ms: int
    check_reach_ms: int
    night: tuple[int, int] | None = None
    forward_seek: bool = True
    seek_tolerance_ms: int = 0
    test_before_credit: bool = False


class StudyRules(Protocol):
    """The study rules of one class run."""

    def on(self, day: date) -> StudyLimits:
        """Return what holds on the legal day `day`; NoRuleInForce if something has no value."""
        ...

    def source(self, parameter: str, day: date) -> Resolved:
        """Return the rule behind a value on that day; NoRuleInForce."""
        ...


class ProfileStudyRules:
    """`StudyRules` from a profile in force, each parameter read on the legal date that it names.

    Days outside the class run's dates, on which nothing counts, are answered with its first or last day, so
    that one stray beat after the law lapsed cannot stop the settlement of what was studied under it.
    """

    def __init__(self, profile: ProfileInForce, sheet: ClassRunSheet) -> None:
        self._profile = profile
        self._enrolment = sheet.enrolled_on
        self._opening = sheet.class_run.opens_on
        self._closing = sheet.class_run.closes_on
        self._limits: dict[date, StudyLimits] = {}

    def on(self, day: date) -> StudyLimits:
        known = self._limits.get(day)
        if known is None:
            known = self._limits[day] = self._read(day)
        return known

    def source(self, parameter: str, day: date) -> Resolved:
        studied = min(max(day, self._opening), self._closing)
        dates = LegalDates(
            enrolment=self._enrolment, opening=self._opening, study_second=studied, event=studied
        )
        return self._profile.read(parameter, dates)

    def _read(self, day: date) -> StudyLimits:
        def integer(name: str) -> int:
            return self.source(name, day).integer()

        if not self.source("study.presence_required", day).boolean():
            raise InvalidInput(
                "presence_not_required", "暂不支持不要求在场核验的规则方案,请改用其他规则方案。"
            )
        forward_seek = self._where_given(FORWARD_SEEK, day, otherwise=True)
        answer_seconds = integer("presence.answer_window_seconds") * integer("presence.attempts_per_check")
        return StudyLimits(
            beat_interval_ms=integer("study.beat_interval_seconds") * 1000,
            beat_gap_limit_ms=integer("study.beat_gap_limit_seconds") * 1000,
            idle_limit_ms=integer("study.idle_limit_seconds") * 1000,
            max_rate=self.source("study.max_rate", day).fraction(),
            daily_cap_ms=integer("study.daily_cap_seconds") * 1000,
            check_reach_ms=(integer("presence.check_gap_max_seconds") + answer_seconds) * 1000,
            night=self._night(day),
            forward_seek=forward_seek,
            seek_tolerance_ms=0 if forward_seek else integer(SEEK_TOLERANCE) * 1000,
            test_before_credit=self._where_given(TEST_FIRST, day, otherwise=False),
        )

    def _night(self, day: date) -> tuple[int, int] | None:
        """Return the night window; None where no pack gives one, or one that ends where it begins."""
        with suppress(NoRuleInForce):
            night = self.source(NIGHT_FROM, day).integer(), self.source(NIGHT_UNTIL, day).integer()
            return night if night[0] != night[1] else None
        return None

    def _where_given(self, parameter: str, day: date, *, otherwise: bool) -> bool:
        """Return the value of a rule that a pack need not have; as `_night`."""
        with suppress(NoRuleInForce):
            return self.source(parameter, day).boolean()
        return otherwise


def legal_day(at_ms: int) -> date:
    """Return the legal day (Asia/Shanghai) of an instant in epoch ms."""
    return _day_of_quarter_hour(at_ms // _QUARTER_HOUR_MS)


@lru_cache(maxsize=4096)
def _day_of_quarter_hour(quarter: int) -> date:
    # Asked for each beat. Since 1901 every midnight in Shanghai has fallen on a full hour UTC.
    return legal_date(from_epoch_ms(quarter * _QUARTER_HOUR_MS))


def night_time(start_ms: int, end_ms: int, rules: StudyRules) -> list[tuple[int, int]]:
    """Return the parts of [start_ms, end_ms) that lie in the night window of their legal day."""
    parts = []
    at = start_ms
    while at < end_ms:
        night = rules.on(legal_day(at)).night
        start, after = day_start_ms(legal_day(at)), next_day_start_ms(at)
        if night is not None:
            begin, until = (start + minutes * 60_000 for minutes in night)
            windows = [(begin, until)] if begin < until else [(start, until), (begin, after)]
            parts += [(max(at, a), min(end_ms, b)) for a, b in windows]
        at = after
    return [(a, b) for a, b in parts if a < b]


def day_start_ms(day: date) -> int:
    """Return when the legal day begins (Asia/Shanghai), epoch ms."""
    return epoch_ms(datetime.combine(day, time(), LEGAL_ZONE).astimezone(UTC))


def next_day_start_ms(at_ms: int) -> int:
    """Return when the legal day after that of `at_ms` begins, epoch ms."""
    return day_start_ms(legal_day(at_ms) + timedelta(days=1))
