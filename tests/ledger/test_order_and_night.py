"""Two rules of the practice pack: a night window, which is off, and no seeking forward before the first finish."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest

from bridge.kernel.citation import Basis
from bridge.kernel.time import epoch_ms
from bridge.ledger.model import Refusal, StudyLimits, settle
from bridge.ledger.model.rules import FORWARD_SEEK, NIGHT_FROM, SEEK_TOLERANCE, night_time
from bridge.rules.model import Resolved
from tests.ledger.study import MINUTE, START, Study, rules, sheet


@dataclass(frozen=True)
class Stricter:
    """The rules of the tests with a night window, or without seeking forward."""

    night: tuple[int, int] | None = None
    forward_seek: bool = True

    def on(self, day: date) -> StudyLimits:
        return replace(rules().on(day), night=self.night, forward_seek=self.forward_seek)

    def source(self, parameter: str, day: date) -> Resolved:
        return rules().source(parameter, day)


def refused(study: Study, given: Stricter) -> dict[str, int]:
    return dict(settle(sheet(), study.entries(), given).figures.refused_ms)


def watched(*parts: tuple[int, int, int]) -> Study:
    """Watch parts of (start, length, media position), each a session of its own with passes at both ends."""
    study = Study().anchor()
    for number, (start, length, media) in enumerate(parts):
        study.watch(f"s{number}", start, length, media=media)
        study.passes(f"s{number}", start, start + length)
    return study


def test_today_there_is_no_night_window_and_no_seeking_forward() -> None:
    today = rules().on(date(2026, 11, 24))

    assert (today.night, today.forward_seek, today.seek_tolerance_ms) == (None, False, MINUTE)
    for parameter in (NIGHT_FROM, FORWARD_SEEK, SEEK_TOLERANCE):
        assert rules().source(parameter, date(2026, 11, 24)).parameter.citation.basis is Basis.PRACTICE


def test_a_window_that_ends_where_it_begins_is_none_and_not_the_whole_day() -> None:
    study = watched((0, 10 * MINUTE, 0))

    assert settle(sheet(), study.entries(), rules()).figures.refused_ms == {}


def test_study_in_the_night_window_is_refused_to_the_millisecond() -> None:
    study = watched((0, 10 * MINUTE, 0))  # 09:00 to 09:10 in Guangzhou

    assert refused(study, Stricter(night=(9 * 60 + 4, 9 * 60 + 6))) == {Refusal.NIGHT: 2 * MINUTE}
    assert refused(study, Stricter(night=(22 * 60, 9 * 60 + 1))) == {Refusal.NIGHT: MINUTE}
    assert refused(study, Stricter(night=(22 * 60, 6 * 60))) == {}


def test_a_night_window_over_midnight_takes_both_sides_of_it() -> None:
    start = epoch_ms(datetime(2026, 11, 24, 13, 0, tzinfo=UTC))  # 21:00 in Guangzhou
    parts = night_time(start, start + 24 * 60 * MINUTE, Stricter(night=(22 * 60, 6 * 60)))

    assert sum(b - a for a, b in parts) == 8 * 60 * MINUTE
    assert parts[0][0] == start + 60 * MINUTE


ORDERLY: Sequence[tuple[str, Study]] = (
    ("straight on", watched((0, 5 * MINUTE, 0), (10 * MINUTE, 5 * MINUTE, 5 * MINUTE))),
    ("back and on", watched((0, 6 * MINUTE, 0), (10 * MINUTE, 6 * MINUTE, 3 * MINUTE))),
    ("free after the first finish", watched((0, 50 * MINUTE, 0), (60 * MINUTE, MINUTE, 30 * MINUTE))),
)


@pytest.mark.parametrize(("name", "study"), ORDERLY)
def test_who_studies_in_order_loses_nothing(name: str, study: Study) -> None:
    assert Refusal.BEYOND_FURTHEST not in refused(study, Stricter(forward_seek=False)), name


def test_what_is_watched_beyond_the_furthest_point_is_refused_and_may_be_studied_in_its_turn() -> None:
    study = watched(
        (0, 5 * MINUTE, 0), (10 * MINUTE, 5 * MINUTE, 20 * MINUTE), (20 * MINUTE, 5 * MINUTE, 5 * MINUTE)
    )

    assert refused(study, Stricter(forward_seek=False)) == {Refusal.BEYOND_FURTHEST: 5 * MINUTE}
    assert settle(sheet(), study.entries(), Stricter(forward_seek=False)).credited_ms == 10 * MINUTE
    assert refused(study, Stricter()) == {}


def test_who_missed_a_check_may_go_on_and_make_up_later() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0, 6 * MINUTE, 10 * MINUTE)
    study.check("s", 4 * MINUTE, "missed", due=3 * MINUTE)

    assert set(refused(study, Stricter(forward_seek=False))) == {Refusal.CHECK_MISSED}


def test_reasons_of_both_name_their_parameter() -> None:
    study = watched((0, 2 * MINUTE, 0), (10 * MINUTE, MINUTE, 20 * MINUTE))
    given = Stricter(night=(9 * 60, 9 * 60 + 1), forward_seek=False)

    reasons = settle(sheet(), study.entries(), given).reasons

    assert {"night", "beyond_furthest"} <= set(reasons)
    assert START
