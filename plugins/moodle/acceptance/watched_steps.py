"""A test under the bridge's eyes: its gate opens the quiz in Moodle, its agent watches there, its end shuts it."""

from typing import Any

import requests

from plugins.moodle.acceptance import gate_steps
from plugins.moodle.acceptance.person import Page
from plugins.moodle.acceptance.run import Run
from plugins.simulators.demonstration.agent_client import AgentClient
from plugins.simulators.demonstration.cameras import Camera
from plugins.simulators.demonstration.http_walk import HttpTab
from plugins.simulators.demonstration.steps import expect, wait_for

_SECONDS = 20
_GRANTED_SECONDS = 60.0
_UNIT = "test_final"
_ATTEMPT = "/mod/quiz/attempt.php"


def watched_attempt(run: Run) -> None:
    """Pass the gate, sit in Moodle, turn a page, and end at the gate while the attempt is under way."""
    learner = run.school.person("learner")
    with run.journal.step("gate", "学员通过安学桥的开考核验:安学桥向 Moodle 授权,测验得以开始") as step:
        run.school.make_gate(run.bridge.class_run, _UNIT)
        arrived = learner.launch("/mod/lti/launch.php", id=run.school.gate)
        expect(
            arrived.url.startswith(f"{run.bridge.url}/test-gate/"),
            f"没有进入考试入口:{arrived.url} {arrived.said}",
        )
        gate = Gate(learner.tab(), arrived.url)
        refused = gate.post("start").json()
        expect(refused.get("reason") == "start_check_required", f"未核验即可开考:{refused}")
        expect(gate_steps.start(run, learner).refusal == "none", "未经核验,Moodle 已放行")
        watch = AgentClient(run.bridge.url, gate.post("token").json()["token"], Camera(seed=7).learner)
        expect(watch.answer_check() == "passed", "开考核验没有通过")
        asked = gate.post("start").json()
        expect(asked.get("grant") in ("asked", "granted"), f"没有申请授权:{asked}")
        wait_for(
            lambda: gate.state()["grant"] == "granted",
            _GRANTED_SECONDS,
            f"Moodle 没有接受授权:{gate.state()}",
        )
        expect(
            gate.state()["test_url"] == f"{run.site.url}/mod/quiz/view.php?id={run.school.quiz}",
            "考试页的地址不对",
        )
        step.say("开考核验通过后才授权;考试入口给出 Moodle 测验的地址")
        page = gate_steps.consent(run, learner)
        expect(_ATTEMPT in page.url, f"授权后没有进入作答页:{page.said}")
        step.say("学员同意后进入作答页")
    with run.journal.step(
        "watched", "作答页的组件向安学桥开会话;翻页后续用同一会话,不再要求开考核验"
    ) as step:
        first = page.agent()
        opened = _open(run, first, None)
        expect([one["kind"] for one in opened["commands"]] == ["test_start"], f"作答页没有开考核验:{opened}")
        kept = {"session": opened["session"], "secret": opened["secret"]}
        turned = learner.get(_ATTEMPT, attempt=first["attempt"], cmid=run.school.quiz).agent()
        expect(
            turned["attempt"] == first["attempt"] and turned["token"] != first["token"], "翻页没有新的令牌"
        )
        again = _open(run, turned, kept)
        expect(again["session"] == opened["session"], "翻页后没有续用会话")
        expect(
            [one["check"] for one in again["commands"]] == [opened["commands"][0]["check"]], "翻页后另要核验"
        )
        step.say("翻页后会话相同,未完成的核验接着做;没有会话密钥则另开会话")
        other = _open(run, learner.get(_ATTEMPT, attempt=first["attempt"], cmid=run.school.quiz).agent(),
                      {"session": opened["session"], "secret": "x"})  # fmt: skip
        expect(other["session"] != opened["session"], "没有密钥也续用了会话")
    with run.journal.step("gate_revoked", "作答中在考试入口结束监考:安学桥收回授权,作答页停止") as step:
        ended = gate.post("finish").json()
        expect(ended.get("state") == "ended", f"监考没有结束:{ended}")

        def shut() -> Page:
            return learner.get(_ATTEMPT, attempt=first["attempt"], cmid=run.school.quiz)

        wait_for(lambda: shut().refusal == "revoked", _GRANTED_SECONDS, f"作答页没有停止:{shut().said}")
        expect("考试已结束" in shut().text, "Moodle 没有转告收回的原因")
        expect(gate_steps.start(run, learner).refusal == "revoked", "收回之后仍可继续")
        step.say("作答页和重新开始均被拒绝,并转告了原因")


class Gate:
    """The learner's window at the gate, as the page's script uses it."""

    def __init__(self, tab: HttpTab, url: str) -> None:
        self._tab, self._url = tab, url
        tab.open(url)
        self._csrf = tab.element("gate").get("data-csrf")

    def post(self, what: str) -> requests.Response:
        """Ask for something."""
        headers = {"X-CSRFToken": self._csrf, "Referer": self._url, "Accept": "application/json"}
        return self._tab.http.post(f"{self._url}/{what}", headers=headers, timeout=_SECONDS)

    def state(self) -> dict[str, Any]:
        """Return how the test stands."""
        state: dict[str, Any] = self._tab.http.get(f"{self._url}/state", timeout=_SECONDS).json()
        return state


def _open(run: Run, page: dict[str, Any], resume: dict[str, str] | None) -> dict[str, Any]:
    """Open a session with the token of a page, as its agent does."""
    expect((page["activity"], page["bridge"]) == ("test", run.bridge.url), f"作答页的组件:{page['activity']}")
    body = {"v": 1, "token": page["token"], "client_ms": 0, **({"resume": resume} if resume else {})}
    answer = requests.post(f"{run.bridge.url}/agent/v1/sessions", json=body, timeout=_SECONDS)
    expect(answer.status_code == 201, f"会话没有打开:{answer.status_code} {answer.text[:200]}")
    opened: dict[str, Any] = answer.json()
    return opened
