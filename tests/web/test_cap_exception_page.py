"""Departing from the online cap: one writes why, another confirms, and the ledger's header carries it."""

import json
from pathlib import Path

import pytest

from bridge.hours.recompute import recompute
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.registry.model import ClassRunSheet
from bridge.wiring.cohorts import explain_learner
from tests.web.furnished import CHEN, CHEN_ID, ORG, OTHER_RUN, RUN, Furnished, token

WHERE = f"/institution/class-runs/{RUN}/online-cap"
REASON = "台风停课期间经市局同意全部线上授课"


def post(furnished: Furnished, login: str, path: str, reason: str = REASON) -> tuple[int, str]:
    client = furnished.as_staff(login)
    reply = client.post(path, data={"csrf_token": token(client, "/platforms/new"), "reason": reason})
    furnished.work_off()
    return reply.status_code, reply.text


def sheet_of(furnished: Furnished, learner: str) -> ClassRunSheet:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return furnished.house.at(tx).registry.class_run_sheet(RUN, learner)  # type: ignore[arg-type]


def test_one_writes_why_and_another_confirms(furnished: Furnished, tmp_path: Path) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    assert post(furnished, "staff-lin", WHERE)[0] == 303
    assert 'data-state="entered"' in furnished.as_staff("staff-lin").get(WHERE).text
    assert sheet_of(furnished, learner).online_cap_exception is None

    assert post(furnished, "staff-lin", f"{WHERE}/confirm")[0] == 403
    assert post(furnished, "staff-zhou", f"{WHERE}/confirm")[0] == 303

    assert REASON in furnished.as_staff("staff-lin").get(WHERE).text
    assert sheet_of(furnished, learner).online_cap_exception == REASON
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        exported = furnished.house.at(tx).ledger.export_jsonl(learner, RUN)
    assert json.loads(exported.splitlines()[0])["online_cap_exception"] == REASON
    (tmp_path / "ledger.jsonl").write_bytes(exported)
    again = recompute(tmp_path / "ledger.jsonl")
    assert again.sheet.online_cap_exception == REASON
    assert again.hours == explain_learner(furnished.house, learner, RUN).hours


def test_what_was_replaced_meanwhile_is_not_confirmed_unread(furnished: Furnished) -> None:
    post(furnished, "staff-lin", WHERE)
    post(furnished, "staff-lin", WHERE, "另一个理由,与原来不同")
    assert post(furnished, "staff-zhou", f"{WHERE}/confirm")[0] == 409
    assert post(furnished, "staff-zhou", f"{WHERE}/confirm", "另一个理由,与原来不同")[0] == 303
    status, page = post(furnished, "staff-lin", WHERE, "确认之后再改一次")
    assert (status, "已经确认" in page) == (422, True)


@pytest.mark.parametrize("reason", ["", "  太短  ", "长" * 301])
def test_a_reason_of_no_use_is_refused(furnished: Furnished, reason: str) -> None:
    status, page = post(furnished, "staff-lin", WHERE, reason)
    assert (status, 'data-testid="cap-wrong"' in page) == (422, True)


def test_another_institutions_class_run_is_none(furnished: Furnished) -> None:
    assert post(furnished, "staff-lin", f"/institution/class-runs/{OTHER_RUN}/online-cap")[0] == 404
    assert furnished.as_staff("official-guangzhou").get(WHERE).status_code == 403


def test_there_is_nothing_to_confirm_before_somebody_wrote_it(furnished: Furnished) -> None:
    with furnished.house.uow.for_institution(ORG) as tx:
        exceptions = furnished.house.at(tx).cap_exceptions
        with pytest.raises(InvalidInput, match="cap_exception_unknown"):
            exceptions.confirm(RUN, REASON, "stf_other")
        with pytest.raises(InvalidInput, match="class_run_unknown"):
            exceptions.of(ClassRunId("run_nowhere"))
