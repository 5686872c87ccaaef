"""What must not count: the wrong faces before the camera, an unanswered check, a score with nobody there.

All over HTTP, as a client that means no good would do it.
"""

import time
from collections.abc import Callable, Iterator

from plugins.simulators.demonstration.agent_client import AgentClient
from plugins.simulators.demonstration.cameras import Camera
from plugins.simulators.demonstration.cast import Cast
from plugins.simulators.demonstration.http_walk import HttpTab, HttpWalk, window
from plugins.simulators.demonstration.processes import Town
from plugins.simulators.demonstration.steps import expect, wait_for

_LITTLE_MS, _MOMENT_MS = 240_000, 80_000
_NEWS_SECONDS = 90


def tell_faces_apart(town: Town, cast: Cast, reasons: Callable[[], tuple[str, ...]]) -> Iterator[str]:
    """Study a little with the wrong pictures before the camera; yield what the bridge says of each.

    The session is left with its exit check unanswered: the learner's next session closes it.

    Args:
        reasons: why the learner's page refuses time, as codes.
    """
    camera = Camera(seed=5)
    with window() as tab:
        _sign_in(tab, town, cast)
        client = HttpWalk().agent(tab, f"{town.lms_url}/study/{cast.units[0]}", "study")
        client.picture = camera.learner
        outcome = client.answer_check([camera.no_face(), camera.two_faces(), camera.learner()])
        expect(outcome == "passed", f"本人的脸没有通过:{outcome}")
        expect(client.sentences[0] != client.sentences[1], "无人与两人没有区别")
        yield f"无人:{client.sentences[0]}"
        yield f"两人:{client.sentences[1]}"
        client.beat(0)
        client.study_until_check()
        expect(client.answer_check() == "passed", "服务器选定时刻的核验没有通过")
        client.beat(client.position_ms)
        # Leaving asks for a check; somebody else sits there by then.
        _leave_after(client, _LITTLE_MS)
        outcome = client.answer_check([camera.other_person(), camera.other_person()])
        expect(outcome == "other_person", f"他人的脸没有被识别:{outcome}")
        yield f"他人:{client.sentences[-1]}"
        wait_for(lambda: "other_person" in reasons(), _NEWS_SECONDS, "时间线上没有扣除他人的时间")
        client.beat(client.position_ms)
        expect(client.waiting is not None, "他人之后没有立即要求重新核验")
        expect(client.answer_check() == "passed", "本人回来后没有通过")
        client.beat(client.position_ms)
        _leave_after(client, _MOMENT_MS)
        for _ in range(2):
            # Nobody answers; the page goes on beating while it asks, and a second of this shows.
            time.sleep(0.6)
            client.beat(client.position_ms)
        yield "本人回来后通过;离开前的核验无人应答:自应核验时起不计(见下面的时间线)"


def _leave_after(client: AgentClient, media_ms: int) -> None:
    """Study on for a while and ask to leave, so that an exit check is asked for."""
    start = client.position_ms
    client.study([(start, start + media_ms)], lambda _today: False)
    client.beat(client.position_ms, ending=True)
    expect(client.waiting is not None, "离开前没有要求核验")


def send_score_without_presence(town: Town, cast: Cast) -> None:
    """Take the quiz with no agent on the page; the LMS signs and sends the full mark all the same."""
    walk = HttpWalk()
    with window() as tab:
        _sign_in(tab, town, cast)
        tab.open(f"{town.lms_url}/quiz")
        tab.click("start-quiz")
        walk.post_json(tab, "begin", {})
        answers = {str(number): answer for number, answer in enumerate(cast.answers)}
        walk.post_json(tab, "answers", {"answers": answers})
        tab.submit(tab.element("deliver"))


def _sign_in(tab: HttpTab, town: Town, cast: Cast) -> None:
    tab.open(town.lms_url)
    tab.click(f"user-{cast.learner.user}")
