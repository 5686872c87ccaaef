"""Honest trouble: learners who really sit there, behind bad networks and on slow phones. They must lose nothing.

Each plays what the page's agent does in such trouble (bridge/web/static/agent/v1.js): beats are kept and sent later,
a batch whose answer was lost is sent again as it was.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from plugins.simulators.attack.stage import Stage
from plugins.simulators.attack.visit import BEAT_SECONDS, Json, Visit

_OUTAGE_SECONDS = 15
_SLOW_SECONDS = 6
_HIDDEN_SECONDS = 40
_DRAGGED_MS = 600_000
_MOST_BEATS_UNTIL_TOLD = 12


@dataclass(frozen=True, slots=True)
class HonestResult:
    """One row.

    Args:
        studied_seconds: what the learner sat before the visible page, between the first and the last check.
        incidents: how often the trouble struck.
        lost_seconds: what of it was not credited.
        beyond_limit_seconds: of those, what is more than one gap limit for each incident. Without any there is still
            the leaving: who leaves within the gap limit after a check is not asked again, and loses those seconds.
    """

    id: str
    title_zh: str
    studied_seconds: int
    credited_seconds: int
    incidents: int
    lost_seconds: int
    beyond_limit_seconds: int


class _Page:
    """What the agent in a page does: it beats, keeps what it could not send, and answers checks in person."""

    def __init__(self, visit: Visit, dice: random.Random) -> None:
        self.visit, self.dice = visit, dice
        self.kept: list[Json] = []
        self.incidents = 0
        self.delay_seconds = 0

    def play_on(self, seconds: int) -> None:
        """Let time pass in which the media plays and nothing is noted."""
        self.visit.stage.clock.advance(seconds)
        self.visit.media_ms += seconds * 1000

    def moment(self, *, visible: bool = True) -> None:
        """Let one beat's time pass and note it."""
        if visible:
            self.play_on(BEAT_SECONDS)
        else:
            self.visit.stage.clock.advance(BEAT_SECONDS)
        self.kept.append(self.visit.event(visible=visible))

    def send(self) -> None:
        """Send what is kept, and do what is asked for."""
        events, self.kept = self.kept, []
        self.visit.beat(*events)
        self.visit.attend()

    def leave(self) -> None:
        """End; what the page says last takes as long to arrive as all that it said before."""
        self.kept.append(self.visit.event())
        self.visit.stage.clock.advance(self.delay_seconds)
        self.send()
        self.visit.leave()


def _steady(page: _Page) -> int:
    page.moment()
    page.send()
    return BEAT_SECONDS


def _packet_loss(page: _Page) -> int:
    page.moment()
    batch = page.visit.batch(page.kept)
    if page.dice.random() < 0.05:
        # The request arrives, its answer does not: a second later the page sends the very same batch again.
        page.incidents += 1
        page.visit.call("POST", "/agent/v1/batches", json=batch)
        page.play_on(1)
        page.visit.post(batch)
        page.kept = []
        page.visit.attend()
        return BEAT_SECONDS + 1
    if page.dice.random() < 0.05:
        # The request never arrives: what it held goes out with the next beat.
        page.incidents += 1
        return BEAT_SECONDS
    page.send()
    return BEAT_SECONDS


def _outage(page: _Page) -> int:
    if page.dice.random() > 0.05:
        return _steady(page)
    page.incidents += 1
    page.moment()
    page.play_on(_OUTAGE_SECONDS - BEAT_SECONDS)
    page.kept.append(page.visit.event())
    page.send()
    return _OUTAGE_SECONDS


def _slow_phone(page: _Page) -> int:
    page.moment()
    # The beat was made in time, but its request takes long to come out of the phone.
    page.delay_seconds = _SLOW_SECONDS
    page.play_on(_SLOW_SECONDS)
    page.send()
    return BEAT_SECONDS + _SLOW_SECONDS


def _tabs(page: _Page) -> int:
    if page.dice.random() > 0.08:
        return _steady(page)
    page.incidents += 1
    # The page tells at once that it was hidden, and that it is seen again.
    page.kept.append(page.visit.event(visible=False))
    page.send()
    for _ in range(_HIDDEN_SECONDS // BEAT_SECONDS):
        page.moment(visible=False)
        page.send()
    page.kept.append(page.visit.event())
    page.send()
    return 0


def _answers_slowly(page: _Page) -> int:
    page.moment()
    events, page.kept = page.kept, []
    page.visit.beat(*events)
    waited = 0
    if page.visit.check is not None:
        page.incidents += 1
        for _ in range(3):  # the phone is laid down, picked up, held before the face: half a minute
            page.moment()
            events, page.kept = page.kept, []
            page.visit.beat(*events)
            waited += BEAT_SECONDS
    page.visit.attend()
    return BEAT_SECONDS + waited


def _other_device(page: _Page) -> int:
    if page.dice.random() > 0.08:
        return _steady(page)
    page.incidents += 1
    visit = page.visit
    page.send()
    visit.leave()
    visit.stage.clock.advance(_HIDDEN_SECONDS)
    visit.stage.run_jobs()
    visit.open()
    visit.media_ms = visit.resume_media_ms
    visit.be_there()
    visit.beat()
    return 0


def _dragged(page: _Page) -> int:
    if page.dice.random() > 0.08:
        return _steady(page)
    page.incidents += 1
    # The page tells both ends of a jump; what lies ahead does not count, and the learner is told to go back.
    _jump(page, page.visit.media_ms + _DRAGGED_MS)
    for _ in range(_MOST_BEATS_UNTIL_TOLD):
        page.moment()
        page.send()
        page.visit.stage.run_jobs()
        if (rewind := page.visit.take_rewind()) is not None:
            _jump(page, rewind["media_ms"])
            return _steady(page)
    raise RuntimeError("nobody was told to go back")


def _jump(page: _Page, media_ms: int) -> None:
    page.kept.append(page.visit.event())
    page.visit.media_ms = media_ms
    page.kept.append(page.visit.event())
    page.send()


TROUBLES: dict[str, tuple[str, Callable[[_Page], int]]] = {
    "steady": ("一切正常", _steady),
    "packet-loss": ("5% 的请求或应答丢失", _packet_loss),
    "outage": (f"时有 {_OUTAGE_SECONDS} 秒断网", _outage),
    "slow-phone": (f"慢手机:每次上报晚 {_SLOW_SECONDS} 秒", _slow_phone),
    "tabs": (f"时而切到别的页面 {_HIDDEN_SECONDS} 秒", _tabs),
    "slow-answer": ("核验过半分钟才应答", _answers_slowly),
    "other-device": ("中途离开,换一台设备从安学桥给的位置接着学", _other_device),
    "dragged": ("误拖进度条到 10 分钟以后,按提示退回接着学", _dragged),
}


def sit(stage: Stage, trouble: str, minutes: int, seed: int) -> HonestResult:
    """Let a learner study for `minutes` with this trouble, and hold what is credited against what was studied."""
    title, live = TROUBLES[trouble]
    page = _Page(Visit(stage, *stage.newcomer()), random.Random(seed))  # noqa: S311  # bad luck, not a secret
    page.visit.be_there()
    page.visit.beat()
    begun, hidden, studied = stage.clock.ms(), 0, 0
    while stage.clock.ms() - begun < minutes * 60_000:
        before = stage.clock.ms()
        seen = live(page)
        studied += seen
        hidden += (stage.clock.ms() - before) // 1000 - seen
    page.leave()
    statement = stage.statement(page.visit.learner)
    lost = max(0, studied - statement.credited_seconds)
    return HonestResult(
        id=trouble,
        title_zh=title,
        studied_seconds=studied,
        credited_seconds=statement.credited_seconds,
        incidents=page.incidents,
        lost_seconds=lost,
        beyond_limit_seconds=max(0, lost - max(1, page.incidents) * stage.gap_limit_seconds()),
    )
