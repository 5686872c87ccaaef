"""All attacks alone and in pairs, all honest troubles, and the sums that are published."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import click

from plugins.simulators.attack.cheat import Cheat
from plugins.simulators.attack.cheats import CHEATS
from plugins.simulators.attack.honest import TROUBLES, HonestResult, sit
from plugins.simulators.attack.measure import Result
from plugins.simulators.attack.registration import FALSE_FACES, FalseFace, play_registration
from plugins.simulators.attack.scenario import play
from plugins.simulators.attack.stage import stage

_SPARE_PEOPLE = 2
_SEED = 20261128


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played.

    Args:
        registrations: what is put before the camera at the registration of the face.
        alone: the cheats that are played alone; pairs: those that are played two at a time.
        minutes, pair_minutes, honest_minutes: study time of each.
        registration_minutes: study time after a registration. Short, since a face that was not accepted is asked for
            a check at every beat, and the tool answers each with all the pictures that it is let show.
    """

    registrations: Sequence[type[FalseFace]] = FALSE_FACES
    alone: Sequence[type[Cheat]] = CHEATS
    pairs: Sequence[tuple[type[Cheat], type[Cheat]]] = tuple(combinations(CHEATS, 2))
    registration_minutes: int = 8
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


def campaign(plan: Plan, told: Callable[[str], None]) -> Report:
    """Play the plan on a bridge of its own, in a folder that is gone afterwards.

    Args:
        told: hears the title of each round as it begins.
    """
    # Some tools bring an accomplice along.
    people = 2 * plan.rounds + _SPARE_PEOPLE
    with tempfile.TemporaryDirectory(prefix="anxue-attack-") as folder, stage(Path(folder), people) as ground:

        def attacks(teams: Sequence[Sequence[type[Cheat]]], minutes: int) -> Iterator[Result]:
            for number, team in enumerate(teams):
                told(" + ".join(cheat.title_zh for cheat in team))
                yield play(ground, team, minutes, _SEED + number)

        faces = []
        for kind in plan.registrations:
            told(kind.title_zh)
            faces.append(play_registration(ground, kind, plan.registration_minutes))
        alone = (*faces, *attacks([[cheat] for cheat in plan.alone], plan.minutes))
        pairs = tuple(attacks(plan.pairs, plan.pair_minutes))
        honest = []
        for trouble in plan.troubles:
            told(TROUBLES[trouble][0])
            honest.append(sit(ground, trouble, plan.honest_minutes, _SEED))
    return Report(alone, pairs, tuple(honest))
