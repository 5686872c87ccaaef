"""The corpus: each cheat as what it changes in a client (SECURITY-CASES.md §2, X1–X13, and a few more).

A cheat sits in a session that its learner opened in person and has left. It may lie in the beats, answer checks with
something else than the learner, and make calls of its own. Two of them can work together: each changes what the other
has made.
"""

import random
from concurrent.futures import ThreadPoolExecutor

import requests

from plugins.simulators.attack.stage import OTHER_UNIT, UNIT
from plugins.simulators.attack.visit import BEAT_SECONDS, Json, Visit
from plugins.simulators.question_reader import read_and_answer

_HOUR_MS = 3_600_000
_PARALLEL_CALLS = 200
_CHECKS_TRIED = 4
"""A tool that was not believed so often gives the check up; the beats go on."""


class Cheat:
    """Does nothing: beats go on at their pace, and nobody answers a check.

    Attributes:
        id: of the corpus, or a word of ours.
        title_zh: what the tool does.
        defended_by: what must hold against it.
        in_total: whether what it forges counts; False only where the defence that is named does not stand yet.
    """

    id = ""
    title_zh = ""
    defended_by = ""
    in_total = True

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.checks_left = _CHECKS_TRIED

    def try_check(self, visit: Visit) -> bool:
        """Answer the check that waits, if the tool has not given up; return whether anything was tried."""
        if not self.checks_left:
            return False
        self.checks_left -= 1
        return self.answer(visit)

    def step_seconds(self, seconds: float) -> float:
        """Return how long to wait before the next beat."""
        return seconds

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        """Return what to report in place of `events`."""
        return events

    def batch(self, visit: Visit, batch: Json) -> Json:
        """Return the batch to send in place of `batch`."""
        return batch

    def call(self, visit: Visit) -> None:
        """Make calls of its own before the beat."""

    def after(self, visit: Visit, sent: Json) -> None:
        """Make calls of its own after the beat `sent`."""

    def answer(self, visit: Visit) -> bool:
        """See `try_check`."""
        return False

    def answer_prompt(self, visit: Visit) -> bool:
        """Answer the question that waits; return whether anything was tried."""
        return False


class Impostor(Cheat):
    """Answers checks with pictures, three at most, of what is not the learner."""

    def picture(self, visit: Visit) -> bytes:
        """Return what the camera is made to see."""
        raise NotImplementedError

    def answer(self, visit: Visit) -> bool:
        visit.fool(self.picture(visit) for _ in range(3))
        return True


class SecondSession(Cheat):
    """Keeps a second session of the same learner beside the first, opened anew when it is closed."""

    resource_link_id = UNIT

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._second: Visit | None = None

    def media_ms(self, first: Visit, second: Visit) -> int:
        """Return where the second session says that its media stands."""
        raise NotImplementedError

    def call(self, visit: Visit) -> None:
        if self._second is None or self._second.closed:
            self._second = Visit(visit.stage, visit.person, visit.learner, self.resource_link_id)
        self._second.media_ms = self.media_ms(visit, self._second)
        self._second.beat()


class ReportDirectly(Cheat):
    """Calls the report door itself, five times a beat, twenty seconds of media each."""

    id, title_zh = "X1", "直接调用上报接口,每次自称又学了 20 秒"
    defended_by = "server clock, union of intervals"

    def call(self, visit: Visit) -> None:
        for _ in range(5):
            visit.media_ms += 20_000
            visit.beat(visit.event(client_ms=visit.stage.clock.ms() + visit.media_ms))


class ManyReports(Cheat):
    """Packs a hundred moments into one batch, ten seconds apart by its own clock."""

    id, title_zh = "X2", "一次上报塞入上百条,每条都在允许的跳变之内"
    defended_by = "union of server intervals"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        last = events[-1]
        return [
            {**last, "client_ms": last["client_ms"] + step, "media_ms": last["media_ms"] + step}
            for step in range(0, 100 * BEAT_SECONDS * 1000, BEAT_SECONDS * 1000)
        ]


class Rate(Cheat):
    """Plays sixteen times as fast and says that it plays at one."""

    id, title_zh = "X3a", "16 倍速播放,上报时自称 1 倍"
    defended_by = "media time ≤ wall time × highest rate"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        visit.media_ms += 15 * BEAT_SECONDS * 1000
        return [{**one, "media_ms": visit.media_ms, "rate": 1} for one in events]


class DragToEnd(Cheat):
    """Says that the media stands at its end."""

    id, title_zh = "X3b", "直接拖到片尾"
    defended_by = "unseen media earns nothing"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        return [{**one, "media_ms": 8 * _HOUR_MS - 1} for one in events]


class BlockChecks(Cheat):
    """Keeps the check's pop-up from showing; the beats go on."""

    id, title_zh = "X4", "屏蔽核验请求,弹窗永不出现,计时照常"
    defended_by = "due moment of the server; withdrawn from it"


class SayComplete(Cheat):
    """Looks for a door that takes a completion, and sends flags that say so."""

    id, title_zh = "X5", "调用“已完成”接口,或在上报里夹带完成标记"
    defended_by = "completion is derived, never accepted"

    def call(self, visit: Visit) -> None:
        for path in ("complete", f"sessions/{visit.session}/complete", "progress"):
            visit.call("POST", f"/agent/v1/{path}", json={"v": 1, "progress": 100, "completed": True})

    def batch(self, visit: Visit, batch: Json) -> Json:
        return {**batch, "completed": True, "progress": 100, "credited_seconds": 36_000}


class Jitter(Cheat):
    """Beats as irregularly as a person, with rests."""

    id, title_zh = "X6", "心跳随机 ±5 秒,每隔一阵“休息”几分钟,装作真人"
    defended_by = "proof of presence, not cadence"

    def step_seconds(self, seconds: float) -> float:
        if self.dice.random() < 0.03:
            return self.dice.uniform(180, 600)
        return seconds + self.dice.uniform(-5, 5)


class OneCheckThenNone(Cheat):
    """Has the first check answered in person, and none after it."""

    id, title_zh = "X7", "本人答一次核验,此后几小时不再答"
    defended_by = "longest gap between two passes"

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._answered = False

    def answer(self, visit: Visit) -> bool:
        if self._answered:
            return False
        self._answered = visit.be_there()
        return True


class StoredFace(Impostor):
    """Shows stored pictures of the learner, each a little changed."""

    id, title_zh = "X8", "核验时提交事先存下的本人照片(略加改动)"
    defended_by = "liveness"
    in_total = False

    def picture(self, visit: Visit) -> bytes:
        return visit.stage.camera.learner()


class SameFaceAgain(Impostor):
    """Shows the very picture with which the learner passed."""

    id, title_zh = "X8b", "核验时原样重放已经提交过的照片"
    defended_by = "a frame's bytes are taken once"

    def picture(self, visit: Visit) -> bytes:
        return visit.last_picture


class FaceAsProgress(Cheat):
    """Passes every check in person and plays nothing."""

    id, title_zh = "X9", "只过人脸,不看内容:指望核验本身计入进度"
    defended_by = "a check passed grants no progress"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        visit.media_ms = 0
        return [{**one, "media_ms": 0} for one in events]

    def answer(self, visit: Visit) -> bool:
        return visit.be_there()


class SecondCourse(SecondSession):
    """Opens a second unit beside the first and beats for both."""

    id, title_zh = "X10", "同一学员在另一页面同时学另一门,两边都计时"
    defended_by = "one counting session"
    resource_link_id = OTHER_UNIT

    def media_ms(self, first: Visit, second: Visit) -> int:
        return second.media_ms + BEAT_SECONDS * 1000


class NightLong(Cheat):
    """Waits for the small hours and lets the page run."""

    id, title_zh = "X11", "挂机到深夜,连挂几晚"
    defended_by = "daily cap, presence"

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._begun = False

    def step_seconds(self, seconds: float) -> float:
        if self._begun:
            return seconds
        self._begun = True
        return 18 * 3600.0  # 03:00 in Guangzhou


class Clicker(Cheat):
    """Reports fresh interaction all the time."""

    id, title_zh = "X12", "自动点掉“您还在吗”,不断伪造操作"
    defended_by = "a click is no presence"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        now = visit.stage.clock.ms()
        return [{**one, "interaction_ms": now - self.dice.randrange(3000), "visible": True} for one in events]


class GoBack(Cheat):
    """Reports clocks and positions that go back."""

    id, title_zh = "X13", "上报倒退的时间和进度,诱使系统回滚"
    defended_by = "the ledger only grows"

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        if self.dice.random() < 0.5:
            return events
        back = self.dice.randrange(_HOUR_MS)
        return [
            {**one, "client_ms": max(0, one["client_ms"] - back), "media_ms": max(0, one["media_ms"] - back)}
            for one in events
        ]


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


CHEATS: tuple[type[Cheat], ...] = (
    ReportDirectly,
    ManyReports,
    Rate,
    DragToEnd,
    BlockChecks,
    SayComplete,
    Jitter,
    OneCheckThenNone,
    StoredFace,
    SameFaceAgain,
    FaceAsProgress,
    SecondCourse,
    NightLong,
    Clicker,
    GoBack,
    OtherPerson,
    EmptyChair,
    TwoDevices,
    TwoAccounts,
    Replay,
    Edit,
    WrongClock,
    Script,
    JumpWithin,
    ParallelCalls,
    PromptScript,
    PromptReplay,
    PromptGuesses,
)
