"""`./anxue acceptance memory`: whether a bridge that is loaded for minutes stays as large as it was.

A real `serve` takes beats at half the rate that is the goal of the bench `ingest`. The resident size of each of its
processes is read every five seconds; after a warm-up, in which caches fill, the trend of each (least squares) says by
how much it would have grown. Linux alone has these figures.
"""

import os
import platform
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from bridge.bench.agents import EVENTS_IN_BATCH, Agent, at_pace, taken_seconds
from bridge.bench.ingest import PACED_EVENTS_PER_SECOND
from bridge.bench.loaded_bridge import DATABASES, loaded_bridge

ALLOWED_PERCENT_IN_TEN_MINUTES = 5.0
"""Of a process's mean size after the warm-up."""
_SESSIONS = 240
"""So many that none sends a day of study in a minute: a learner's ledger is read whole where it is settled."""
_EVERY_SECONDS = 5.0
_WARM_UP_SHARE = 0.3
_PAGE = os.sysconf("SC_PAGE_SIZE")

Sample = tuple[float, int]
"""Seconds since the beginning, and bytes."""


@click.command("memory", help="让安学桥承受数分钟的学习记录,检查各进程的内存是否持平;输出带日期的记录。")
@click.option("--minutes", type=click.FloatRange(min=0.5), default=10.0, show_default=True)
@click.option("--database", type=click.Choice(DATABASES), default="sqlite", show_default=True)
def memory(minutes: float, database: str) -> None:
    """Print the record as Markdown; exit 1 if a process grows."""
    click.echo(f"anxue: 正在加载 {minutes:g} 分钟 …", err=True)
    samples, taken = _load(minutes * 60, database)
    seconds = minutes * 60 * (1 - _WARM_UP_SHARE)
    flat = {name: is_flat(found, minutes * 60) for name, found in samples.items()}
    click.echo(f"# Memory under load, {datetime.now(UTC):%Y-%m-%d}\n")
    click.echo(
        f"`./anxue acceptance memory --minutes {minutes:g} --database {database}`, Python"
        f" {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end.\n"
    )
    click.echo(
        f"{_SESSIONS} sessions sent {taken} batches of {EVENTS_IN_BATCH} events after the warm-up"
        f" ({taken * EVENTS_IN_BATCH / seconds:.0f} events/s). A process is flat if its trend after the warm-up (the"
        f" first {_WARM_UP_SHARE:.0%}) grows by less than {ALLOWED_PERCENT_IN_TEN_MINUTES:g} % in ten minutes.\n"
    )
    click.echo(
        "| process | after warm-up, MiB | at the end, MiB | most, MiB | trend, MiB in ten minutes | flat |"
    )
    click.echo("|---|---|---|---|---|---|")
    for name, found in samples.items():
        later = after_warm_up(found, minutes * 60)
        sizes = [size / 2**20 for _at, size in later]
        trend = slope(later) * 600 / 2**20
        verdict = "yes" if flat[name] else "**no**"
        click.echo(
            f"| {name} | {sizes[0]:.1f} | {sizes[-1]:.1f} | {max(sizes):.1f} | {trend:+.2f} | {verdict} |"
        )
    if not all(flat.values()):
        raise SystemExit(1)


def slope(samples: Sequence[Sample]) -> float:
    """Return the trend of samples in bytes a second, by least squares."""
    mean_at = sum(at for at, _ in samples) / len(samples)
    mean = sum(size for _, size in samples) / len(samples)
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return sum((at - mean_at) * (size - mean) for at, size in samples) / spread if spread else 0.0


def after_warm_up(samples: Sequence[Sample], seconds: float) -> list[Sample]:
    """Return the samples of a run of so many seconds that count."""
    return [one for one in samples if one[0] >= seconds * _WARM_UP_SHARE]


def is_flat(samples: Sequence[Sample], seconds: float) -> bool:
    """Return whether a process of which these samples were taken in so many seconds stays as large as it is."""
    later = after_warm_up(samples, seconds)
    mean = sum(size for _, size in later) / len(later)
    return slope(later) * 600 <= mean * ALLOWED_PERCENT_IN_TEN_MINUTES / 100


def _load(seconds: float, database: str) -> tuple[Mapping[str, Sequence[Sample]], int]:
    with loaded_bridge(database, _SESSIONS) as bridge:
        agents = [Agent(session, bridge.settings.public_url) for session in bridge.sessions]
        pids = processes_under(bridge.pid)
        samples: dict[str, list[Sample]] = {name: [] for name in pids.values()}
        over = threading.Event()

        def sample() -> None:
            begin = time.monotonic()
            while not over.wait(_EVERY_SECONDS):
                for pid, name in pids.items():
                    samples[name].append((time.monotonic() - begin, resident_bytes(pid)))

        sampling = threading.Thread(target=sample, daemon=True)
        sampling.start()
        try:
            warm_up = seconds * _WARM_UP_SHARE
            pace = PACED_EVENTS_PER_SECOND[database] / EVENTS_IN_BATCH
            at_pace(agents, pace, warm_up=warm_up, seconds=seconds - warm_up)
        finally:
            over.set()
            sampling.join()
        return samples, len(taken_seconds(agents))


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
                found[pid] = name = f"{prefix}{word}" if above == supervisor else f"{prefix} worker {pid}"
                look(pid, name)

    look(supervisor, "")
    return found


def resident_bytes(pid: int) -> int:
    """Return a process's resident size."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
