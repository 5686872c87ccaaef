"""`./anxue acceptance face-load`: how soon a page knows the verdict when a whole class is checked at once.

A real `serve` is asked by twenty pages in the same moment, round after round; each sends its straight look, asks for
the verdict as the agent's page does, and shows the movement that the bridge then asks for, a few pictures one after the
other. Page to page is what a learner waits: from the sending of the straight look, and of the last picture of the
movement, until the page has the verdict, the time between two looks included. In each round some seats have somebody
else in them, who must be refused. The pages share the machine with the bridge, so that the figures are rather too high
than too low.
"""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from bridge.bench import circumstances
from bridge.bench.face_learners import (
    CameraAgent,
    Film,
    Seat,
    Shown,
    examination_room,
    impostors_pictures,
    learners_films,
    learners_pictures,
)
from bridge.bench.loaded_bridge import DATABASES, loaded_bridge
from bridge.settings import ROOT

LEARNERS = 20
ROUNDS = 10
IMPOSTORS = 2
"""In each round."""
VERDICT_P95_SECONDS = 1.5
POST_P95_SECONDS = 0.1
_FRAMES_OF_IMPOSTOR = 2
_BETWEEN_ROUNDS_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run showed.

    Args:
        pictures: one for each picture that was sent.
        passed, refused: how many checks of learners passed and of impostors ended as another person's.
        wrong: how every other check ended.
    """

    learners: int
    rounds: int
    pictures: Sequence[Shown]
    passed: int
    refused: int
    wrong: Sequence[str]

    @property
    def post_p95(self) -> float:
        return percentile([one.post_seconds for one in self.pictures], 95)

    def verdicts(self, *, moving: bool) -> list[float]:
        """Return how long the pages waited for a verdict, of straight looks or of movements."""
        found = [one.verdict_seconds for one in self.pictures if one.moving is moving]
        return [seconds for seconds in found if seconds is not None]

    @property
    def verdict_p95(self) -> float:
        """The greater one of straight looks and movements."""
        kinds = [self.verdicts(moving=moving) for moving in (False, True)]
        return max(percentile(kind, 95) for kind in kinds if kind)

    @property
    def passes(self) -> bool:
        """Whether the goals are held and every check ended as it should."""
        complete = self.passed + self.refused == self.learners * self.rounds and not self.wrong
        return complete and self.verdict_p95 <= VERDICT_P95_SECONDS and self.post_p95 <= POST_P95_SECONDS


@click.command("face-load", help="让一个班的学员同时接受人脸核验,测量页面多久得到结果,并写下带日期的记录。")
@click.option("--learners", type=click.IntRange(min=2), default=LEARNERS, show_default=True,
              help="同时核验的人数;少于 20 人不写记录。")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), default=ROUNDS, show_default=True,
              help="轮数;少于 10 轮不写记录。")  # fmt: skip
@click.option("--database", type=click.Choice(DATABASES), default="sqlite", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              help="记录写到哪里;默认 docs/acceptance/<日期>-face-load.md(PostgreSQL 另有后缀)。")  # fmt: skip
def face_load(learners: int, rounds: int, database: str, out: Path | None) -> None:
    """Write the record as Markdown; exit 1 unless every goal is held."""
    begun = datetime.now(UTC)
    machine = circumstances.machine()
    before = os.getloadavg()[0]
    click.echo(f"anxue: {learners} 名学员同时核验,共 {rounds} 轮 …", err=True)
    figures = measure(learners, rounds, database)
    command = f"./anxue acceptance face-load --learners {learners} --rounds {rounds} --database {database}"
    lines = [
        "# Faces of a whole class at once",
        "",
        "Written by the command; nothing here is edited afterwards.",
        "",
        f"- Date: {begun:%Y-%m-%d %H:%M} UTC",
        f"- Command: `{command}`",
        f"- Commit: {circumstances.commit()}",
        f"- {machine}; load average {before:.1f} before, {os.getloadavg()[0]:.1f} at the end",
        f"- Data folder: {circumstances.file_system()}",
        "",
        "## Found",
        "",
        *report(figures),
        "",
    ]
    text = "\n".join(lines)
    if out is None and learners >= LEARNERS and rounds >= ROUNDS:
        name = "face-load" if database == "sqlite" else f"face-load-{database}"
        out = ROOT / "docs" / "acceptance" / f"{begun:%Y-%m-%d}-{name}.md"
    if out is None:
        click.echo(text)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"记录已写入 {out}")
    if not figures.passes:
        raise SystemExit(1)


def measure(learners: int, rounds: int, database: str) -> Figures:
    """Run the rounds against a bridge of its own."""
    with loaded_bridge(database, 0) as bridge, examination_room(bridge.settings) as take_seats:
        mine, theirs = learners_pictures(learners), impostors_pictures(_FRAMES_OF_IMPOSTOR)
        films = learners_films(learners)
        agents: list[CameraAgent] = []
        ends: list[tuple[bool, str]] = []
        for number in range(-1, rounds):
            taken = take_seats(learners)
            bridge.wait_until_done()
            time.sleep(_BETWEEN_ROUNDS_SECONDS)
            # Each round other seats have an impostor in them.
            impostors = {(number + place * (learners // IMPOSTORS)) % learners for place in range(IMPOSTORS)}
            pictures = [theirs if place in impostors else [mine[place]] for place in range(len(taken))]
            these = _agents(taken, bridge.settings.public_url)
            ended = all_at_once(these, pictures, films)
            if number >= 0:
                ends += [(place in impostors, end) for place, end in enumerate(ended)]
                agents += these
    good = [(False, "passed"), (True, "other_person")]
    return Figures(
        learners,
        rounds,
        [one for agent in agents for one in agent.shown],
        ends.count(good[0]),
        ends.count(good[1]),
        [
            f"{'impostor' if impostor else 'learner'}: {end}"
            for impostor, end in ends
            if (impostor, end) not in good
        ],
    )


def all_at_once(
    agents: Sequence[CameraAgent], pictures: Sequence[Sequence[bytes]], films: Sequence[Film]
) -> list[str]:
    """Have all agents begin in the same moment; return how each one's check ended, or why it did not."""
    together = threading.Barrier(len(agents))
    ends = ["unanswered"] * len(agents)

    def answer(place: int) -> None:
        agent = agents[place]
        try:
            agent.state()  # the connection stands
            together.wait()
            ends[place] = agent.answer(pictures[place], films[place])
        except Exception as fault:  # noqa: BLE001  # whatever kept a learner from a verdict is the finding
            together.abort()
            ends[place] = str(fault) or type(fault).__name__
        finally:
            agent.close()

    threads = [threading.Thread(target=answer, args=(place,), daemon=True) for place in range(len(agents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def report(figures: Figures) -> list[str]:
    """Return the verdict and the figures in Markdown."""
    posts = [one.post_seconds for one in figures.pictures]
    straight, moving = figures.verdicts(moving=False), figures.verdicts(moving=True)
    looks = sum(one.looks for one in figures.pictures)
    checks = figures.learners * figures.rounds
    return [
        f"**{'PASS' if figures.passes else 'FAIL'}**",
        "",
        f"{figures.learners} learners at once, {figures.rounds} rounds: {checks} checks, n = {len(posts)} pictures.",
        f"{figures.passed} learners verified, {figures.refused} impostors refused"
        f" ({_FRAMES_OF_IMPOSTOR} pictures each), {len(figures.wrong)} otherwise.",
        *(f"- {one}" for one in figures.wrong[:10]),
        "",
        "ms:",
        "",
        "| | p50 | p95 | most | goal |",
        "|---|--:|--:|--:|---|",
        _row(
            "page to page: straight look sent until the page has the verdict", straight, VERDICT_P95_SECONDS
        ),
        *(
            [
                _row(
                    "page to page: last picture of the movement sent until the page has the verdict",
                    moving,
                    VERDICT_P95_SECONDS,
                )
            ]
            if moving
            else []
        ),
        _row("a picture taken by the door", posts, POST_P95_SECONDS),
        "",
        f"{len(straight)} verdicts on straight looks, {len(moving)} on movements of"
        f" {sum(one.moving for one in figures.pictures) / max(1, len(moving)):.0f} pictures each."
        f" The pages asked {looks / max(1, len(straight) + len(moving)):.1f} times for each verdict.",
        "",
        "One more round went before these and is not counted: each thread of a bridge that has just started reads its"
        " rules and compiles its statements then.",
        "",
        "The pages run on the same machine. All learners have one photograph's face in different places and light, and"
        " their movements are that photograph bent, so that nothing here speaks of error rates; the network between"
        " page and bridge is the machine's own.",
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many of a hundred do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def _row(name: str, seconds: Sequence[float], goal: float) -> str:
    p50, p95 = (percentile(seconds, percent) * 1000 for percent in (50, 95))
    return f"| {name} | {p50:.0f} | {p95:.0f} | {max(seconds) * 1000:.0f} | p95 ≤ {goal * 1000:.0f} |"


def _agents(seats: Sequence[Seat], url: str) -> list[CameraAgent]:
    return [CameraAgent(seat, url) for seat in seats]
