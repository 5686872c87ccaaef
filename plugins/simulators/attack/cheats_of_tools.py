"""The corpus of public tools, X1–X13 of SECURITY-CASES.md §2, as cheats."""

import random
from collections.abc import Sequence

from plugins.simulators.attack.cheat import Cheat, Impostor, SecondSession
from plugins.simulators.attack.stage import OTHER_UNIT
from plugins.simulators.attack.visit import BEAT_SECONDS, Json, Visit
from plugins.simulators.demonstration.cameras import coded_anew

_HOUR_MS = 3_600_000


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
    """Shows stored pictures of the learner, each a little changed, after an honest registration."""

    id, title_zh = "X8c", "本人登记以后,学习中的核验提交事先存下的本人照片(略加改动)"
    defended_by = "each check ends with a movement; a picture that looks straight shows none"

    def picture(self, visit: Visit) -> bytes:
        return visit.stage.camera.learner()


class StoredPoses(StoredFace):
    """Has stored pictures of the learner in every pose, taken elsewhere, and shows the one that is asked for."""

    id, title_zh = "X8d", "核验要求做动作时,从本人不同角度的照片中挑出合适的一张提交"
    defended_by = "the pictures of a movement are of one take, the straight look included"

    def burst(self, visit: Visit, move: str, frames: int) -> Sequence[bytes]:
        return visit.stage.poses.burst(move, frames)


class StoredFilm(StoredFace):
    """Shows what the learner showed live when the same movement was asked for before, coded anew."""

    id, title_zh = "X8e", "核验要求做动作时,把本人以前做同一动作的画面重新编码后提交"
    defended_by = "pictures of earlier checks are found again by their marks"

    def burst(self, visit: Visit, move: str, frames: int) -> Sequence[bytes]:
        known = visit.bursts.get(move)
        if not known:
            return super().burst(visit, move, frames)
        return [coded_anew(one, self.dice.randint(60, 95)) for one in known]


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
