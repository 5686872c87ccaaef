"""The rehearsal judges: the real bridge is right in every case, and each defence that a tool lacks is found."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
import requests

from bridge.kernel.time import SystemClock
from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.course import load
from plugins.simulators.demo_lms.deep_links import tool_items
from plugins.simulators.demo_lms.desk import Desk
from plugins.simulators.demo_lms.rehearsal.answers import Answer, Right, fault_of
from plugins.simulators.demo_lms.rehearsal.run import FIRST, Result, all_cases, rehearse
from tests.attacks.doors.server import BridgeServer
from tests.lti.launch_rows import ROWS
from tests.lti.rows import LEARNER_IN, TEACHER_IN
from tests.lti.served import served
from tests.plugins.simulators.demo_lms_server import CONFIG, SECRET, with_key
from tests.plugins.simulators.naive_tool import NaiveTool
from tests.plugins.simulators.rehearsal_bridge import bridge_and_simulator

REASONS = {row.id: row.expected for row in ROWS if row.expected not in (LEARNER_IN, TEACHER_IN)}
"""What the library's own rows say that each case is refused for."""
OTHERWISE = {
    "B16.none": "token_malformed",  # without any signature it has no third part at all
    "B22.large": "request_too_large",  # the door ends it before the library sees a token
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BridgeServer, Desk]]:
    with bridge_and_simulator(tmp_path_factory.mktemp("both")) as standing:
        yield standing


def test_the_bridge_is_right_in_every_case_and_for_the_right_reason(both: tuple[BridgeServer, Desk]) -> None:
    bridge, desk = both

    def wait(seconds: float) -> None:
        bridge.clock.at += timedelta(seconds=seconds)

    first = [case for case in all_cases() if case.id == FIRST]
    assert [result.state for result in rehearse(desk, cases=first)] == ["right"]
    bridge.drain()  # the launch said where notices may be asked for, and the bridge asks
    results = list(rehearse(desk, wait=wait, patient=True))

    assert [
        (result.case.id, result.fault, result.open) for result in results if result.state != "right"
    ] == []
    refused = {
        result.case.id: result.answer.reason
        for result in results
        if result.answer is not None and not result.answer.accepted
    }
    expected = {**REASONS, **OTHERWISE}
    assert {case: reason for case, reason in refused.items() if expected.get(case, reason) != reason} == {}
    assert len(refused.keys() & expected.keys()) > 90


def _hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page))


def _through(browser: requests.Session, url: str) -> requests.Response:
    """Open `url` at the simulator and go through login and launch as a browser does; return where that ends."""
    form = browser.get(url)
    action = re.search(r'action="([^"]*)" id="to-tool"', form.text)
    assert action is not None, form.text
    fields = {
        name: unescape(value)
        for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', form.text[action.start() :])
    }
    return browser.post(unescape(action[1]), data=fields)


def _signed_in(desk: Desk, sub: str) -> requests.Session:
    browser = requests.Session()
    token = _hidden(browser.get(desk.lms.issuer).text)["form_token"]
    browser.post(f"{desk.lms.issuer}/sign-in", data={"form_token": unescape(token), "sub": sub})
    return browser


def test_a_teacher_puts_the_bridges_contents_into_the_course_and_a_learner_opens_them(
    both: tuple[BridgeServer, Desk],
) -> None:
    bridge, desk = both
    with _signed_in(desk, "lms-user-2001") as teacher:
        page = _through(teacher, f"{desk.lms.issuer}/deep-links/choose")
        assert page.url == f"{bridge.origin}/deep-link"
        offered = dict(re.findall(r'name="item" value="([^"]+)"[^>]*data-kind="([^"]+)"', page.text))
        chosen = [
            next(key for key, kind in offered.items() if kind == wanted) for wanted in ("entry", "gate")
        ]
        form = [*_hidden(page.text).items(), *(("item", key) for key in chosen), ("hours", "1")]
        signed = teacher.post(page.url, data=form)
        document = re.search(r'name="JWT" value="([^"]+)"', signed.text)
        assert document is not None, signed.text
        taken = teacher.post(f"{desk.lms.issuer}/lti/deep-links", data={"JWT": unescape(document[1])})
        assert taken.status_code == 200, taken.text
        assert "已添加到课程" in taken.text

    entry, gate = tool_items(desk)
    assert entry["line_item"]
    assert not gate["line_item"]
    with _signed_in(desk, "lms-user-1001") as learner:
        assert (
            _through(learner, f"{desk.lms.issuer}/deep-links/{entry['number']}").url
            == f"{bridge.origin}/learner"
        )
        opened = _through(learner, f"{desk.lms.issuer}/deep-links/{gate['number']}")
        assert "/test-gate" in opened.url, opened.url


def test_ids_are_those_of_the_security_case_list_each_once() -> None:
    ids = [case.id for case in all_cases()]

    assert len(set(ids)) == len(ids)
    rows = {each.split(".")[0] for each in ids}
    named = (
        {f"A{n}" for n in range(1, 13)} | {f"B{n}" for n in range(1, 25)} | {f"V{n}" for n in range(1, 10)}
    )
    assert named - rows == set()
    assert {"C2", "C3", "C4", "C7", "C8", "C10"} <= rows


class Bench:
    """The simulator and a naive tool, both served, under the real clock."""

    def __init__(self, folder: Path, tool: NaiveTool, origin: str, lms_url: str) -> None:
        lms = load(CONFIG, lms_url=lms_url, bridge_url=origin)
        self.app = create_app(lms, state=with_key(folder), clock=SystemClock(), webhook_secret=SECRET)
        self.desk: Desk = self.app.extensions["demo_lms"]
        tool.issuer, tool.origin = lms_url, origin

    def states(self, ids: set[str]) -> dict[str, str]:
        """Rehearse these cases; return id → state."""
        cases = [case for case in all_cases() if case.id in ids]
        assert {case.id for case in cases} == ids
        played: list[Result] = list(rehearse(self.desk, cases=cases, wait=lambda _seconds: None))
        return {result.case.id: result.state for result in played}


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> NaiveTool:
    return NaiveTool(frozenset(getattr(request, "param", ())))


@pytest.fixture
def bench(tool: NaiveTool, tmp_path: Path) -> Iterator[Bench]:
    held: list[Bench] = []
    with (
        served(tool.app) as origin,
        served(lambda environ, start: held[0].app(environ, start)) as lms_url,  # noqa: PLW0108 - not there yet
    ):
        held.append(Bench(tmp_path, tool, origin, lms_url))
        yield held[0]
        held[0].desk.store.close()


DEFENCES = {
    "replay": {"B3", "B3.after-failure"},
    "browser": {"B2", "B2.no-cookie"},
    "iss": {"B12.mix-up"},
    "aud": {"B11.aud", "B11.no-azp", "A6.aud"},
    "exp": {"B8.exp", "B9.past"},
    "iat": {"B8.iat", "B9.future", "B10"},
    "nonce": {"B4", "B5", "B6"},
    "target": {"B15.other"},
    "claims": {"A3", "A4", "A8"},
    "roles": {"B21.roles"},
    "deployment": {"B14.unknown"},
    "signature": {"B16.signature", "B16.payload", "B16.none-signed", "B16.hs256", "B12.stranger"},
    "own-key": {"B17.own-key", "B17.own-kid"},
    "use": {"B18.enc"},
    "rotation": {"B20"},
    "redirect": {"B19.redirect"},
    "status": {"B19.down"},
    "size": {"B19.huge"},
    "fixation": {"C2"},
    "issuer": {"B12.unknown"},
    "client": {"B13.login"},
    "origin": {"B15.origin", "C4.user"},
}


def test_a_tool_with_its_defences_is_right_in_the_cases_that_test_them(bench: Bench) -> None:
    ids = {FIRST}.union(*DEFENCES.values())

    assert {case: state for case, state in bench.states(ids).items() if state != "right"} == {}


@pytest.mark.parametrize(
    ("tool", "ids"), [((name,), ids) for name, ids in DEFENCES.items()], ids=list(DEFENCES), indirect=["tool"]
)
def test_each_defence_that_is_left_out_is_found(bench: Bench, ids: set[str]) -> None:
    assert bench.states({FIRST, *ids}) == {FIRST: "right", **dict.fromkeys(ids, "wrong")}


def test_a_tool_that_refuses_everything_is_told_so_and_nothing_else(bench: Bench, tool: NaiveTool) -> None:
    tool.issuer = "https://another.example"

    assert bench.states({FIRST, "A1", "B3"}) == {FIRST: "wrong", "A1": "open", "B3": "open"}


def test_what_takes_minutes_is_played_only_when_asked_for(bench: Bench) -> None:
    assert bench.states({FIRST, "B7"})["B7"] == "open"


@pytest.mark.parametrize(
    ("right", "answer", "fault"),
    [
        (Right.REFUSE, Answer(500), "服务器出错"),
        (Right.REFUSE, Answer(503), "服务器出错"),
        (Right.LEARNER, Answer(500), "服务器出错"),
        (Right.REFUSE, Answer(0), "没有答复"),
        (Right.REFUSE, Answer(401, seconds=21), "答复过慢"),
        (Right.REFUSE, Answer(200), "应当拒绝"),
        (Right.REFUSE, Answer(403, "class_run_unlinked"), "应当拒绝"),
        (Right.REFUSE, Answer(403, "deployment_unknown"), ""),
        (Right.LEARNER, Answer(303, location="/lms/teacher"), "其他身份"),
        (Right.LEARNER, Answer(403, "class_run_unlinked"), ""),
        (Right.LEARNER, Answer(401, "token_expired"), "应当接受"),
        (Right.NO_LEARNER, Answer(303, location="/learner"), "学员身份"),
        (Right.NO_LEARNER, Answer(303, location="/lms/teacher"), ""),
        (Right.NOT_AS_LEARNER, Answer(303, location="/learner"), "学员身份"),
        (Right.NOT_AS_LEARNER, Answer(403, "sub_missing"), ""),
        (Right.NOT_AS_LEARNER, Answer(303, location="/lms/sign-in-first"), ""),
    ],
)
def test_answers_are_judged(right: Right, answer: Answer, fault: str) -> None:
    found = fault_of(right, answer)

    assert (fault in found) if fault else found == ""


def test_503_counts_as_a_refusal_only_where_the_platforms_keys_cannot_be_had() -> None:
    assert fault_of(Right.REFUSE, Answer(503), may_be_unavailable=True) == ""
    assert fault_of(Right.REFUSE, Answer(500), may_be_unavailable=True) != ""
    assert fault_of(Right.REFUSE, Answer(0), may_hang_up=True) == ""
    assert fault_of(Right.LEARNER, Answer(0), may_hang_up=True) != ""
