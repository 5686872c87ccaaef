"""How an attack is played: the learner opens the session in person, leaves it to the tools, and comes back in the end.

That is the strongest form: what the tools did stands between two checks that the right person passed, and a bridge
that looks at the ends alone would credit all of it.
"""

import random
from collections.abc import Sequence

from plugins.simulators.attack.cheat import Cheat
from plugins.simulators.attack.measure import Result, away_ms, forged_ms
from plugins.simulators.attack.stage import Stage
from plugins.simulators.attack.visit import BEAT_SECONDS, Visit

_HONEST_SECONDS = 120
_COMES_BACK_AFTER_SECONDS = 40


def play(stage: Stage, cheats: Sequence[type[Cheat]], minutes: int, seed: int) -> Result:
    """Play the cheats together for `minutes` of study time, and measure what the ledger credits in the end."""
    dice = random.Random(seed)  # noqa: S311  # behaviour of an attacker, not a secret
    tools = [cheat(dice) for cheat in cheats]
    visit = Visit(stage, *stage.newcomer())
    visit.be_there()
    visit.beat()
    visit.study(_HONEST_SECONDS)
    begun, watched = stage.clock.ms(), visit.claimed_ms  # from here on nobody is there
    for _ in range(minutes * 60 // BEAT_SECONDS):
        _one_turn(visit, tools)
    attempted = max(stage.clock.ms() - begun, visit.claimed_ms - watched) // 1000
    away = (begun, stage.clock.ms())
    _come_back(visit)
    statement = stage.statement(visit.learner)
    return Result(
        id="+".join(tool.id for tool in tools),
        title_zh=" + ".join(tool.title_zh for tool in tools),
        defended_by=", ".join(dict.fromkeys(tool.defended_by for tool in tools)),
        in_total=all(tool.in_total for tool in tools),
        attempted_seconds=attempted,
        credited_seconds=statement.credited_seconds,
        forged_seconds=-(-forged_ms(statement, [visit]) // 1000),
        away_seconds=away_ms(statement, away) // 1000,
        refused_seconds=statement.refused_seconds,
        refusals=dict(sorted(visit.refusals.items())),
    )


def _one_turn(visit: Visit, tools: Sequence[Cheat]) -> None:
    seconds: float = BEAT_SECONDS
    for tool in tools:
        seconds = tool.step_seconds(seconds)
    visit.stage.clock.advance(seconds)
    if visit.closed:
        visit.open()
    visit.media_ms += BEAT_SECONDS * 1000
    for tool in tools:
        tool.call(visit)
    if visit.closed:
        visit.open()
    events = [visit.event()]
    for tool in tools:
        events = tool.events(visit, events)
    batch = visit.batch(events)
    for tool in tools:
        batch = tool.batch(visit, batch)
    if visit.post(batch).status_code == 200:
        for tool in tools:
            tool.after(visit, batch)
    for tool in tools:
        if visit.check is None or tool.try_check(visit):
            break
    for tool in tools:
        if visit.prompt is None or tool.answer_prompt(visit):
            break


def _come_back(visit: Visit) -> None:
    """The learner sits down again, passes what is asked, studies on, and leaves properly."""
    visit.stage.clock.advance(_COMES_BACK_AFTER_SECONDS)
    if visit.closed:
        visit.open()
    visit.beat()
    if visit.check is not None or visit.prompt is not None:
        visit.attend()
        visit.beat()
    visit.study(_HONEST_SECONDS)
    visit.leave()
