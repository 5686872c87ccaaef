"""`./anxue acceptance memory`: whether a bridge that is loaded for minutes stays as large as it was.

A real `serve` takes beats at half the rate that is the goal of the bench `ingest`, from as many learners at a time as
sit in a large class, after a peak of all of them at once: what a process once needed it keeps, and a later peak would
be measured as growth. Each sends what a day and a night of study are and goes; the next one's session takes the place.
A session that is open is settled from its first beat, so that the worker's memory follows the longest of them: one
that never ends would be measured as growth. Linux alone has these figures.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import click

from bridge.bench import circumstances
from bridge.bench.agents import EVENTS_IN_BATCH, Agent, all_at_once, at_pace, taken_seconds
from bridge.bench.ingest import PACED_EVENTS_PER_SECOND
from bridge.bench.loaded_bridge import DATABASES, OpenSession, loaded_bridge
from bridge.bench.steadiness import (
    LEAST_SECONDS,
    WARM_UP_SECONDS,
    Load,
    Sample,
    by_minute,
    passes,
    verdict,
)
from bridge.settings import ROOT

SEATS = 240
PEAK_BATCHES = 40
"""Of each learner, before the pace: each thread of the bridge has then held its request beside all the others."""
BATCHES_IN_SESSION = 88
"""A day and a night of study without a pause, at a beat each ten seconds."""
_EVERY_SECONDS = 5.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


@click.command("memory", help="让安学桥承受十多分钟的学习记录,检查各进程的内存是否持平,并写下带日期的记录。")
@click.option("--minutes", type=click.FloatRange(min=1), default=LEAST_SECONDS / 60, show_default=True,
              help="预热之后计入的分钟数;少于 10 分钟不算通过,也不写记录。")  # fmt: skip
@click.option("--database", type=click.Choice(DATABASES), default="sqlite", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              help="记录写到哪里;默认 docs/acceptance/<日期>-memory.md(PostgreSQL 另有后缀)。")  # fmt: skip
def memory(minutes: float, database: str, out: Path | None) -> None:
    """Write the record as Markdown; exit 1 unless every process stays flat."""
    begun = datetime.now(UTC)
    machine = circumstances.machine()
    click.echo(f"anxue: 预热 {WARM_UP_SECONDS / 60:g} 分钟,计入 {minutes:g} 分钟 …", err=True)
    samples, load = _measure(minutes * 60, database)
    command = f"./anxue acceptance memory --minutes {minutes:g} --database {database}"
    lines = [
        "# Memory under load",
        "",
        "Written by the command; nothing here is edited afterwards.",
        "",
        f"- Date: {begun:%Y-%m-%d %H:%M} UTC",
        f"- Command: `{command}`",
        f"- Commit: {circumstances.commit()}",
        f"- {machine}; load average {os.getloadavg()[0]:.1f} at the end",
        f"- Data folder: {circumstances.file_system()}",
        f"- {SEATS} learners at a time, batches of {EVENTS_IN_BATCH} events; a session ends after {BATCHES_IN_SESSION}"
        " batches (a day and a night of study at a beat each ten seconds), and the next learner's takes its place",
        f"- First the peak: all of them send {PEAK_BATCHES} batches each, as fast as they are answered",
        "",
        "## Found",
        "",
        *verdict(samples, load),
        "",
        "## By minute",
        "",
        "Median resident size of each process, MiB; in brackets the warm-up.",
        "",
        *by_minute(samples),
        "",
    ]
    text = "\n".join(lines)
    if out is None and load.seconds >= LEAST_SECONDS:
        name = "memory" if database == "sqlite" else f"memory-{database}"
        out = ROOT / "docs" / "acceptance" / f"{begun:%Y-%m-%d}-{name}.md"
    if out is None:
        click.echo(text)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"记录已写入 {out}")
    if not passes(samples, load):
        raise SystemExit(1)


class Seat(Agent):
    """An agent whose learner goes after so many batches; then the next learner's session takes the place.

    Args:
        first_batches: of the first session alone, so that not all seats change at once.
    """

    __slots__ = ("_left", "_sessions", "sent")

    def __init__(self, sessions: Iterator[OpenSession], url: str, first_batches: int) -> None:
        super().__init__(next(sessions), url)
        self._sessions = sessions
        self._left = first_batches
        self.sent = 0

    def send(self) -> None:
        """Send as `Agent.send`, in the next session once this one is at its end."""
        if not self._left:
            self.session, self.seq, self.nonce = next(self._sessions), 1, ""
            self._left = BATCHES_IN_SESSION
        super().send()
        self._left -= 1
        self.sent += 1


def seats(sessions: Sequence[OpenSession], url: str, batches: int) -> list[Seat]:
    """Return seats for at most so many batches each, with their sessions."""
    coming = iter(sessions)
    taken = []
    for place in range(SEATS):
        first = _first_batches(place)
        taken.append(Seat(iter(list(islice(coming, _sessions_of(first, batches)))), url, first))
    return taken


def sessions_needed(batches: int) -> int:
    """Return how many sessions the seats need for at most so many batches each."""
    return sum(_sessions_of(_first_batches(place), batches) for place in range(SEATS))


def _first_batches(place: int) -> int:
    return 1 + place * BATCHES_IN_SESSION // SEATS


def _sessions_of(first: int, batches: int) -> int:
    return 1 + max(0, -(-(batches - first) // BATCHES_IN_SESSION))


def _measure(seconds: float, database: str) -> tuple[Mapping[str, Sequence[Sample]], Load]:
    wanted = PACED_EVENTS_PER_SECOND[database]
    pace = wanted / EVENTS_IN_BATCH
    batches = PEAK_BATCHES + int((WARM_UP_SECONDS + seconds) * pace / SEATS) + 1
    with loaded_bridge(database, sessions_needed(batches)) as bridge:
        bridge.wait_until_done()
        agents = seats(bridge.sessions, bridge.settings.public_url, batches)
        all_at_once(agents, PEAK_BATCHES)
        bridge.wait_until_done()
        pids = processes_under(bridge.pid)
        samples: dict[str, list[Sample]] = {name: [] for name in pids.values()}
        over = threading.Event()

        def sample() -> None:
            begin = time.monotonic()
            while not over.wait(_EVERY_SECONDS):
                for pid, name in pids.items():
                    size = resident_bytes(pid)
                    if size is not None:
                        samples[name].append((time.monotonic() - begin, size))

        sampling = threading.Thread(target=sample, daemon=True)
        sampling.start()
        try:
            at_pace(agents, pace, warm_up=WARM_UP_SECONDS, seconds=seconds)
        finally:
            over.set()
            sampling.join()
        sent = sum(agent.sent for agent in agents)
        events = len(taken_seconds(agents)) * EVENTS_IN_BATCH
        return samples, Load(seconds, events, wanted, bridge.batches_in_ledger() / sent)


def processes_under(supervisor: int) -> dict[int, str]:
    """Return the processes of a `serve` and what they are called here."""
    parents: dict[int, tuple[int, str]] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            command = status.with_name("cmdline").read_bytes().decode().rstrip("\x00").split("\x00")
        except OSError:
            continue  # it ended meanwhile
        parents[int(fields["Pid"])] = (int(fields["PPid"]), command[-1])
    found = {supervisor: "serve"}

    def look(parent: int, prefix: str) -> None:
        for pid, (above, word) in parents.items():
            if above == parent:
                name = f"{prefix}{word}" if above == supervisor else f"{prefix} worker {pid}"
                found[pid] = name = f"{name} {pid}" if name in found.values() else name
                look(pid, name)

    look(supervisor, "")
    return found


def resident_bytes(pid: int) -> int | None:
    """Return a process's resident size; None if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return None
