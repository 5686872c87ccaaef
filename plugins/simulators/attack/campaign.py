"""All attacks alone and in pairs, all honest troubles, and the sums that are published."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import click

from plugins.simulators.attack.cheat import Cheat
from plugins.simulators.attack.cheats import CHEATS
from plugins.simulators.attack.honest import TROUBLES, HonestResult, sit
from plugins.simulators.attack.measure import Result
from plugins.simulators.attack.registration import FALSE_FACES, FalseFace, play_registration
from plugins.simulators.attack.scenario import play
from plugins.simulators.attack.stage import Stage, stage

_SPARE_PEOPLE = 2
_SEED = 20261128


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played.

    Args:
        registrations: what is put before the camera at the registration of the face.
        alone: the cheats that are played alone; pairs: those that are played two at a time.
        minutes, pair_minutes, honest_minutes: study time of each.
        tries: how many checks in a row a face that is not accepted fails before its tool gives up; it is asked for one
            at every beat, and answers each with all the pictures that it is let show.
    """

    registrations: Sequence[type[FalseFace]] = FALSE_FACES
    alone: Sequence[type[Cheat]] = CHEATS
    pairs: Sequence[tuple[type[Cheat], type[Cheat]]] = tuple(combinations(CHEATS, 2))
    tries: int = 48
    minutes: int = 32
    pair_minutes: int = 16
    honest_minutes: int = 32
    troubles: Sequence[str] = tuple(TROUBLES)

    @property
    def rounds(self) -> int:
        return len(self.registrations) + len(self.alone) + len(self.pairs) + len(self.troubles)

    def only(self, id: str) -> "Plan":
        """Return the plan with one attack alone and nothing else; UsageError for an id that there is not."""
        registrations = [kind for kind in self.registrations if kind.id == id]
        alone = [cheat for cheat in self.alone if cheat.id == id]
        if not registrations and not alone:
            ids = [kind.id for kind in self.registrations] + [cheat.id for cheat in self.alone]
            known = ", ".join(ids)
            raise click.UsageError(f"没有编号 {id};有:{known}")
        return replace(self, registrations=registrations, alone=alone, pairs=(), troubles=())


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a campaign; `honest_lost_seconds` is what was lost beyond the gap limit."""

    alone: tuple[Result, ...]
    pairs: tuple[Result, ...]
    honest: tuple[HonestResult, ...]

    @property
    def forged_seconds(self) -> int:
        return sum(one.forged_seconds for one in (*self.alone, *self.pairs) if one.in_total)

    @property
    def attempted_seconds(self) -> int:
        return sum(one.attempted_seconds for one in (*self.alone, *self.pairs) if one.in_total)

    @property
    def honest_lost_seconds(self) -> int:
        return sum(one.beyond_limit_seconds for one in self.honest)

    def as_json(self) -> dict[str, Any]:
        """Return the one object that `--json` prints."""
        return {
            "name": "attack",
            "forged_seconds": self.forged_seconds,
            "attempted_seconds": self.attempted_seconds,
            "honest_lost_seconds": self.honest_lost_seconds,
            "rows": [asdict(one) for one in (*self.alone, *self.pairs)],
            "honest": [asdict(one) for one in self.honest],
        }


Round = tuple[str, Callable[[Stage], Result | HonestResult]]
"""Its title, and how it is played."""


def campaign(plan: Plan, told: Callable[[str], None], processes: int = 1) -> Report:
    """Play the plan, each process on a bridge of its own in a folder that is gone afterwards.

    Args:
        told: hears the title of each round: as it begins, or with several processes as it ends.
    """
    rounds = list(_rounds(plan))
    people = 2 * plan.rounds + _SPARE_PEOPLE  # some tools bring an accomplice along
    results: list[Result | HonestResult] = []
    if processes == 1:
        with _own_stage(people) as ground:
            for title, played in rounds:
                told(title)
                results.append(played(ground))
    else:
        results = _by_many(rounds, told, people, processes)
    faces, alone, pairs = len(plan.registrations), len(plan.alone), len(plan.pairs)
    attacks = [one for one in results if isinstance(one, Result)]
    return Report(
        tuple(attacks[: faces + alone]),
        tuple(attacks[faces + alone : faces + alone + pairs]),
        tuple(one for one in results if isinstance(one, HonestResult)),
    )


def _rounds(plan: Plan) -> Iterator[Round]:
    for kind in plan.registrations:
        yield kind.title_zh, partial(play_registration, kind=kind, minutes=plan.minutes, tries=plan.tries)
    for teams, minutes in (
        ([(cheat,) for cheat in plan.alone], plan.minutes),
        (plan.pairs, plan.pair_minutes),
    ):
        for number, team in enumerate(teams):
            title = " + ".join(cheat.title_zh for cheat in team)
            yield title, partial(play, cheats=team, minutes=minutes, seed=_SEED + number)
    for trouble in plan.troubles:
        yield TROUBLES[trouble][0], partial(sit, trouble=trouble, minutes=plan.honest_minutes, seed=_SEED)


@contextmanager
def _own_stage(people: int) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="anxue-attack-") as folder, stage(Path(folder), people) as ground:
        yield ground


def _by_many(
    rounds: Sequence[Round], told: Callable[[str], None], people: int, processes: int
) -> list[Result | HonestResult]:
    with ProcessPoolExecutor(processes, get_context("spawn"), _furnish, (people,)) as pool:
        playing = {pool.submit(_play_here, played): title for title, played in rounds}
        for done in as_completed(playing):
            done.result()
            told(playing[done])
        return [one.result() for one in playing]


_here: list[Stage] = []
"""The stage of this process, where it is one of several."""


def _furnish(people: int) -> None:
    until_end = ExitStack()
    _here.append(until_end.enter_context(_own_stage(people)))
    Finalize(None, until_end.close, exitpriority=1)


def _play_here(played: Callable[[Stage], Result | HonestResult]) -> Result | HonestResult:
    return played(_here[0])
