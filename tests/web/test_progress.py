"""The pure part of the progress view, and how pages write values."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.citation import Basis, Citation
from bridge.kernel.ids import CourseUnitId
from bridge.ledger.model.statement import SecondsStatement, Segment, Verdict, figures_of
from bridge.registry.model import CourseUnit
from bridge.rules.model import Reason
from bridge.web.pages.progress import join, view_progress
from bridge.web.pages.wording import duration, exact, span, typeset

START = 1_795_000_000_000
UNITS = (
    CourseUnit(CourseUnitId("unit-1"), "part", "第一讲", "study", 3_000_000, None),
    CourseUnit(CourseUnitId("quiz"), None, "测试", "test", 1_200_000, None),
)
HIDDEN = Reason(
    "hidden", "页面在后台。", "pack", "study.idle_limit_seconds", Citation(Basis.PRACTICE, "示例规则包")
)


def segment(
    start: int, end: int, verdict: Verdict, reason: str | None = None, session: str = "s1"
) -> Segment:
    return Segment(START + start, START + end, "unit-1", session, verdict, reason)


def statement(*timeline: Segment) -> SecondsStatement:
    return SecondsStatement(figures_of(timeline), (), timeline, {"hidden": HIDDEN}, True, (), ())


def test_neighbours_that_fare_alike_become_one() -> None:
    joined = join(
        [
            segment(0, 1000, Verdict.CREDITED),
            segment(1000, 2000, Verdict.CREDITED),
            segment(2000, 3000, Verdict.REFUSED, "hidden"),
            segment(3000, 4000, Verdict.CREDITED),
            segment(5000, 6000, Verdict.CREDITED),
        ]
    )

    assert [(one.start_ms - START, one.end_ms - START) for one in joined] == [
        (0, 2000),
        (2000, 3000),
        (3000, 4000),
        (5000, 6000),
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, 5000), st.sampled_from(list(Verdict)), st.sampled_from(["s1", "s2"])),
        max_size=30,
    )
)
def test_joining_loses_and_adds_no_millisecond(pieces: list[tuple[int, Verdict, str]]) -> None:
    timeline, at = [], 0
    for length, verdict, session in pieces:
        timeline.append(segment(at, at + length, verdict, None, session))
        at += length

    joined = join(timeline)

    for verdict in Verdict:
        assert sum(s.length_ms for s in timeline if s.verdict is verdict) == sum(
            one.end_ms - one.start_ms for one in joined if one.verdict is verdict
        )


def test_the_picture_and_the_table_tell_the_same() -> None:
    view = view_progress(
        statement(segment(0, 60_000, Verdict.CREDITED), segment(60_000, 90_000, Verdict.REFUSED, "hidden")),
        UNITS,
    )

    (unit,) = view.picture["units"]
    assert [one["ms"] for one in unit["segments"]] == [60_000, 30_000]
    assert unit["segments"][0]["reason"] is None
    assert view.picture["reasons"][unit["segments"][1]["reason"]]["text"] == HIDDEN.sentence_zh
    assert [(row.seconds, why and why.sentence) for row, _title, why in view.rows] == [
        (30, HIDDEN.sentence_zh),
        (60, None),
    ]
    assert [(line.code, line.seconds, line.refused) for line in view.reasons] == [("hidden", 30, True)]


def test_a_test_without_study_has_no_row_in_the_picture() -> None:
    view = view_progress(statement(), UNITS)

    assert [unit["title"] for unit in view.picture["units"]] == ["第一讲"]


def test_values_are_written_as_a_reader_expects() -> None:
    assert [duration(s) for s in (0, 59, 60, 3599, 3600, 5870)] == [
        "0 秒",
        "59 秒",
        "1 分 00 秒",
        "59 分 59 秒",
        "1 小时 00 分",
        "1 小时 37 分",
    ]
    assert exact(Fraction(3, 2)) == "3/2"
    assert exact(2) == "2"
    assert span(1_795_000_000_000, 1_795_000_060_000) == "11-18 19:06:40 至 19:07:40"


def test_sentences_get_full_width_marks_and_numbers_keep_theirs() -> None:
    assert (
        typeset("请重试,或联系班主任;编号(惯例)见 1,000:2") == "请重试，或联系班主任；编号（惯例）见 1,000:2"
    )
