"""A learner, a class run or everybody, taken from the database with ledger and rules."""

import json

import pytest

from bridge.hours.simulation import simulate
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.wiring.cohorts import EVERYBODY, explain_learner, members
from tests.web.furnished import RUN
from tests.wiring.lms import Lms


def test_a_learner_is_explained_from_the_database(studied: Lms) -> None:
    told = explain_learner(studied.house, studied.learner, RUN)
    assert told.hours.online_class_hours == 2
    assert {one.reason.code for one in told.stretches} >= {"credited", "hidden"}
    assert sum(one.end_ms - one.start_ms for one in told.stretches) == 2 * 3_000_000
    assert json.loads(json.dumps(told.to_json()))["learner"] == studied.learner


def test_a_class_run_and_everybody_are_cohorts(studied: Lms) -> None:
    other = studied.house.rules.profile("jiangxi")
    one_run = simulate(members(studied.house, RUN), other)
    everybody = simulate(members(studied.house, EVERYBODY), other)
    assert [one.sheet.learner for one in one_run.outcomes] == [studied.learner]
    assert [one.to_json() for one in everybody.outcomes] == [one.to_json() for one in one_run.outcomes]


def test_who_or_what_is_unknown_is_said(studied: Lms) -> None:
    with pytest.raises(InvalidInput, match="not_enrolled"):
        explain_learner(studied.house, LearnerRef("lrn_nobody"), RUN)
    with pytest.raises(InvalidInput, match="class_run_unknown"):
        explain_learner(studied.house, studied.learner, ClassRunId("run_nowhere"))
    with pytest.raises(InvalidInput, match="class_run_unknown"):
        list(members(studied.house, "run_nowhere"))
