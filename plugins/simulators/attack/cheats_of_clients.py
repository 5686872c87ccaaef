"""Cheats of clients that no public tool is known to play: other people, devices and accounts, forged and replayed
batches, scripts that answer questions.
"""

import random
from concurrent.futures import ThreadPoolExecutor

import requests

from plugins.simulators.attack.cheat import Cheat, Impostor, SecondSession
from plugins.simulators.attack.visit import Json, Visit
from plugins.simulators.question_reader import read_and_answer

_HOUR_MS = 3_600_000
_PARALLEL_CALLS = 200


class OtherPerson(Impostor):
    """Has somebody else sit before the camera."""

    id, title_zh = "other-person", "他人代学:核验时坐着另一个人"
    defended_by = "face comparison; withdrawn to the last pass"

    def picture(self, visit: Visit) -> bytes:
        return visit.stage.camera.other_person()


class EmptyChair(Impostor):
    """Shows a room without a person."""

    id, title_zh = "empty-chair", "核验时镜头前没有人"
    defended_by = "no face, no pass"

    def picture(self, visit: Visit) -> bytes:
        return visit.stage.camera.no_face()


class TwoDevices(SecondSession):
    """Opens the same unit on a second device that claims to be ahead."""

    id, title_zh = "two-devices", "手机和电脑同时开同一单元"
    defended_by = "one counting session"

    def media_ms(self, first: Visit, second: Visit) -> int:
        return first.media_ms + 600_000


class TwoAccounts(Cheat):
    """Reports for the learner with the secret of an accomplice's session."""

    id, title_zh = "two-accounts", "同一浏览器里用另一名学员的会话凭证替自己上报"
    defended_by = "a secret opens its own session alone"

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._accomplice: Visit | None = None

    def call(self, visit: Visit) -> None:
        if self._accomplice is None:
            self._accomplice = Visit(visit.stage, *visit.stage.newcomer())
        visit.call(
            "POST",
            "/agent/v1/batches",
            json=visit.batch([visit.event()]),
            headers={"Authorization": f"Bearer {self._accomplice.secret}"},
            authorised=False,
        )


class Replay(Cheat):
    """Sends its last batches again and again."""

    id, title_zh = "replayed-beats", "把上一批、更早一批原样重发许多遍"
    defended_by = "sequence and nonce chain"

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._sent: list[Json] = []

    def after(self, visit: Visit, sent: Json) -> None:
        self._sent = [*self._sent[-5:], sent]
        for old in self._sent * 2:
            visit.call("POST", "/agent/v1/batches", json=old)


class Edit(Cheat):
    """Sends a batch again with greater numbers in it."""

    id, title_zh = "edited-beats", "上一批改大数字后以同一序号重发"
    defended_by = "hash of each batch"

    def after(self, visit: Visit, sent: Json) -> None:
        edited = [
            {**event, "client_ms": event["client_ms"] + _HOUR_MS, "media_ms": event["media_ms"] + _HOUR_MS}
            for event in sent["events"]
        ]
        visit.call("POST", "/agent/v1/batches", json={**sent, "events": edited})


class WrongClock(Cheat):
    """Reports with a clock that is hours wrong."""

    id, title_zh = "wrong-clock", "客户端时钟拨快或拨慢几小时"
    defended_by = "server clock"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        hours = self.dice.choice([-9, -3, 3, 9]) * _HOUR_MS
        return [
            {
                **one,
                "client_ms": max(0, one["client_ms"] + hours),
                "interaction_ms": max(0, one["client_ms"] + hours),
            }
            for one in events
        ]


class Script(Cheat):
    """Beats to the second, with no page behind it."""

    id, title_zh = "script", "没有页面,只有脚本,心跳分秒不差"
    defended_by = "proof of presence"


class JumpWithin(Cheat):
    """Lets the media jump a little further with each beat."""

    id, title_zh = "jump-within-limit", "每次上报让进度多跳几秒,跳幅不超过允许的误差"
    defended_by = "media earns no more than wall time"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        visit.media_ms += 4_000
        return [{**one, "media_ms": visit.media_ms} for one in events]


class ParallelCalls(Cheat):
    """Sends one turn's batch two hundred times at once, each with another position."""

    id, title_zh = "parallel-calls", f"同一批并发提交 {_PARALLEL_CALLS} 次"
    defended_by = "one turn of the nonce chain"

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._left = 2  # twice is enough to see it, and each is two hundred calls

    def call(self, visit: Visit) -> None:
        if not self._left:
            return
        self._left -= 1
        ahead = [
            visit.batch([visit.event(media_ms=visit.media_ms + number)]) for number in range(_PARALLEL_CALLS)
        ]
        headers = {"Authorization": f"Bearer {visit.secret}"}
        address = f"{visit.stage.origin}/agent/v1/batches"

        def send(batch: Json) -> int:
            return requests.post(address, json=batch, headers=headers, timeout=60).status_code

        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(send, ahead))
        taken = statuses.count(200)
        if taken > 1:
            raise RuntimeError(f"of {_PARALLEL_CALLS} batches for one turn {taken} were taken")
        # Which one was taken only that call's answer tells: the tool gives the session up and opens another.
        visit.closed = True


class NoHandOnThePage(Cheat):
    """Reports no interaction, so that the bridge asks again and again."""

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        return [{**one, "interaction_ms": None} for one in events]


class PromptScript(Cheat):
    """Reads each question and answers it, with no page and no person, as a script well can.

    The bridge takes the answer: it proves nobody's presence, and is worth nothing without the face checks.
    """

    id, title_zh = "prompt-script", "脚本读懂屏幕提问并自动答对(没有页面,没有人)"
    defended_by = "an answer is no presence: face checks"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        now = visit.stage.clock.ms()
        return [{**one, "interaction_ms": now if self.dice.random() < 0.05 else None} for one in events]

    def answer_prompt(self, visit: Visit) -> bool:
        return visit.answer_prompt()


class PromptReplay(NoHandOnThePage):
    """Answers every question with the answer, and the nonce, that were right once."""

    id, title_zh = "prompt-replay", "把答对过的应答原样重放给后来的提问"
    defended_by = "each question takes one answer, its own"

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._kept: tuple[str, list[str]] | None = None

    def answer_prompt(self, visit: Visit) -> bool:
        if self._kept is None:
            shown = visit.show_prompt()
            self._kept = shown["nonce"], read_and_answer(shown["question"])
            visit.send_answer(*self._kept)
            return True
        for _ in range(3):
            visit.send_answer(*self._kept)  # before the new question was shown, and after it
            visit.show_prompt()
        return True


class PromptGuesses(NoHandOnThePage):
    """Sends every choice of a question at once, so that one of them is right."""

    id, title_zh = "prompt-guesses", "对同一提问并发提交所有选项"
    defended_by = "one answer a question, few questions a prompt"

    def answer_prompt(self, visit: Visit) -> bool:
        shown = visit.show_prompt()
        if shown["final"] or visit.prompt is None:
            return False
        address = f"{visit.stage.origin}/agent/v1/prompts/{visit.prompt['prompt']}"
        headers = {"Authorization": f"Bearer {visit.secret}"}

        def send(choice: Json) -> int:
            body = {"v": 1, "nonce": shown["nonce"], "answer": [choice["id"]] * shown["question"]["pick"]}
            return requests.post(address, json=body, headers=headers, timeout=60).status_code

        choices = shown["question"]["choices"] * 4
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(send, choices))
        if statuses.count(200) > 1:
            raise RuntimeError(f"of {len(choices)} answers to one question {statuses.count(200)} were judged")
        return True
