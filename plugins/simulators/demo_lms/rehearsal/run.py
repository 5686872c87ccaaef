"""Plays all cases and says what each came to."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plugins.simulators.demo_lms.desk import Desk
from plugins.simulators.demo_lms.rehearsal.answers import Answer, fault_of
from plugins.simulators.demo_lms.rehearsal.case import Case, Stage
from plugins.simulators.demo_lms.rehearsal.cases_claims import A_CASES, B_CASES, C_CASES, V_CASES
from plugins.simulators.demo_lms.rehearsal.cases_flow import FLOW_CASES
from plugins.simulators.demo_lms.rehearsal.cases_keys import TOKEN_CASES, key_cases
from plugins.simulators.demo_lms.rehearsal.cases_messages import MESSAGE_CASES
from plugins.simulators.demo_lms.rehearsal.cases_notices import NOTICE_CASES

FIRST = V_CASES[0].id
"""The right launch that all others differ from: if it is refused, the refusals of the others prove nothing."""
NOT_BELIEVED = "正确的进入没有被接受，无从判断"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case.

    Args:
        answer: None if the case was not played.
        fault: in Chinese what is wrong; "" if it is right.
        open: in Chinese why nothing is known; "" if something is.
    """

    case: Case
    answer: Answer | None
    fault: str = ""
    open: str = ""

    @property
    def state(self) -> str:
        """right, wrong or open."""
        return "wrong" if self.fault else "open" if self.open else "right"

    def to_json(self) -> dict[str, Any]:
        """Return what a program reads."""
        answer = self.answer
        return {
            "id": self.case.id,
            "title": self.case.title,
            "right": self.case.right.value,
            "state": self.state,
            "status": answer.status if answer else None,
            "reason": answer.reason if answer else "",
            "said": self.fault or self.open,
        }


def all_cases() -> tuple[Case, ...]:
    """Return every case, the right launch first; odd keys are new in each."""
    return (
        *V_CASES,
        *A_CASES,
        *B_CASES,
        *TOKEN_CASES,
        *C_CASES,
        *MESSAGE_CASES,
        *FLOW_CASES,
        *NOTICE_CASES,
        *key_cases(),
    )


def rehearse(
    desk: Desk,
    *,
    cases: Sequence[Case] | None = None,
    wait: Callable[[float], object] = time.sleep,
    patient: bool = False,
) -> Iterator[Result]:
    """Play the cases one after another against the tool that `desk` knows; results come as they fall.

    If the first right launch is refused, all others are left unplayed.

    Args:
        cases: default all.
        wait: lets so many seconds pass.
        patient: plays what takes minutes as well.
    """
    stage = Stage(desk, wait)
    chosen = all_cases() if cases is None else cases
    believed: bool = True
    for case in chosen:
        if not believed:
            yield Result(case, None, open=NOT_BELIEVED)
            continue
        if case.waits and not patient:
            yield Result(case, None, open=f"需要等待 {case.waits // 60} 分钟，这次没有演练")
            continue
        result = play(stage, case)
        if case.id == FIRST and result.state != "right":
            believed = False
        yield result


def play(stage: Stage, case: Case) -> Result:
    """Play one case."""
    answer = case.play(stage)
    fault = fault_of(
        case.right, answer, may_hang_up=case.may_hang_up, may_be_unavailable=case.may_be_unavailable
    )
    result = Result(case, answer, fault="" if answer.unproven else fault, open=answer.unproven)
    _log.info("rehearsed %s: %s", case.id, result.state)
    return result
