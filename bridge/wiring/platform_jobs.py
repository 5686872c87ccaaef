"""The kinds of jobs that call others from server to server, and what has them run when they are due."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from bridge.completion.gradebook import LINE_ITEM_WANTED
from bridge.completion.hour_scores import SCORE_WANTED
from bridge.completion.learner_states import STATE_WANTED
from bridge.identity.name_checks import NAME_WANTED
from bridge.identity.rosters import ROSTER_WANTED
from bridge.intake.notices import HANDLER_WANTED
from bridge.intake.results import RESULT_WANTED
from bridge.wiring import gradebook_jobs, name_jobs, notice_jobs, result_jobs, roster_jobs, state_jobs
from bridge.worker.runner import Work

if TYPE_CHECKING:
    from bridge.wiring.house import House


def platform_works(house: "House") -> Mapping[str, Work]:
    """Return how each kind of job is done."""
    return {
        ROSTER_WANTED: Work(
            prepare=partial(roster_jobs.read_roster, house), apply=partial(roster_jobs.note_roster, house)
        ),
        LINE_ITEM_WANTED: Work(
            prepare=partial(gradebook_jobs.read_column, house),
            apply=partial(gradebook_jobs.note_column, house),
        ),
        SCORE_WANTED: Work(
            prepare=partial(gradebook_jobs.send_score, house), apply=partial(gradebook_jobs.note_score, house)
        ),
        STATE_WANTED: Work(
            prepare=partial(state_jobs.tell_state, house), apply=partial(state_jobs.note_told, house)
        ),
        NAME_WANTED: Work(
            prepare=partial(name_jobs.ask_name, house), apply=partial(name_jobs.note_name, house)
        ),
        HANDLER_WANTED: Work(
            prepare=partial(notice_jobs.tell_platform, house), apply=partial(notice_jobs.note_told, house)
        ),
        RESULT_WANTED: Work(
            prepare=partial(result_jobs.ask_result, house), apply=partial(result_jobs.note_result, house)
        ),
    }


def sweep_platforms(house: "House") -> None:
    """Have everything run whose time has come."""
    roster_jobs.sweep_rosters(house)
    gradebook_jobs.sweep_gradebooks(house)
    state_jobs.sweep_states(house)
    notice_jobs.sweep_handlers(house)
    result_jobs.sweep_results(house)
    name_jobs.sweep_names(house)
