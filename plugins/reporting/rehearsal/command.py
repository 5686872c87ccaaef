"""`./anxue acceptance regulator`: all faults of the simulator and fifty kills, and the record of what came of it."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from bridge.bench import circumstances
from bridge.settings import ROOT
from plugins.reporting.rehearsal.fault_runs import Run, fault_runs
from plugins.reporting.rehearsal.kills import Kills, kill_runs
from plugins.simulators.province.faults import FAULTS

KILLS = 50
_RUN_COLUMNS = (
    "fault", "struck", "records", "revisions", "batches", "attempts", "corrected", "put right", "withdrawn", "lost",
    "doubled", "stray", "reconciled", "seconds",
)  # fmt: skip
_KILL_COLUMNS = (
    "kills", "in flight", "records", "batches", "attempts", "batches sent again", "lost", "doubled", "stray", "seconds",
)  # fmt: skip
_RECORDS = ROOT / "docs" / "acceptance"


@click.command(
    "regulator", help="对模拟的监管平台逐一和混合演练各种故障,并在报送中随机强行终止进程;写下记录。"
)
@click.option("--kills", type=click.IntRange(min=1), default=KILLS, show_default=True,
              help="强行终止(kill -9)的次数;少于 50 次不写记录。")  # fmt: skip
@click.option(
    "--faults", "only", default="", metavar="A,B", help="只演练这些(none、各故障名、all);不写记录。"
)
@click.option("--seed", type=int, default=1, show_default=True, help="随机数种子。")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              help="记录写到哪里;默认 docs/acceptance/<日期>-regulator.md。")  # fmt: skip
def regulator(kills: int, only: str, seed: int, out: Path | None) -> None:
    """Run everything; exit 1 if a record was lost or is there twice."""
    names = tuple(name for name in only.split(",") if name)
    begun, commit = datetime.now(UTC), circumstances.commit()
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="anxue-regulator-") as name:
        folder = Path(name)
        for run in fault_runs(folder, names, seed=seed):
            runs.append(run)
            click.echo(_row(run))
        killed = None
        if not names:
            killed = kill_runs(folder / "kills", kills, seed=seed, told=_told)
            click.echo(_kills(killed))
    if killed is not None and kills >= KILLS:
        out = out or _RECORDS / f"{begun:%Y-%m-%d}-regulator.md"
        out.write_text(_record(runs, killed, seed, begun, commit), encoding="utf-8")
        click.echo(f"已写入 {out}", err=True)
    if not all(run.passes for run in runs) or not (killed is None or killed.passes):
        sys.exit(1)


def _told(number: int) -> None:
    click.echo(f"kill -9 {number}", err=True)


def _heading(columns: tuple[str, ...]) -> str:
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"


def _row(run: Run) -> str:
    found = run.outcome
    struck = ", ".join(f"{name} {count}" for name, count in run.struck.items() if count) or "–"
    return (
        f"| {run.name} | {struck} | {found.records} | {found.revisions} | {found.batches} | {found.attempts} |"
        f" {run.corrected} | {run.put_right} | {run.withdrawn} | {found.lost} | {found.doubled} | {found.stray} |"
        f" {run.reconciled} | {run.seconds:.0f} |"
    )


def _kills(killed: Kills) -> str:
    found = killed.outcome
    return (
        f"| {killed.kills} | {killed.in_flight} | {found.records} | {found.batches} | {found.attempts} |"
        f" {killed.resent} | {found.lost} | {found.doubled} | {found.stray} | {killed.seconds:.0f} |"
    )


def _record(runs: list[Run], killed: Kills, seed: int, begun: datetime, commit: str) -> str:
    faults = "\n".join(f"- `{name}`: {words}" for name, words in FAULTS.items())
    rows = "\n".join(_row(run) for run in runs)
    return f"""# The feed against a regulator that misbehaves

Written by the command; nothing here is edited afterwards. The regulator is our simulator (not the province's system,
whose interface is not published); the people are made up. The carrier is a process of its own that runs the product's
job with the product's runner; pauses are shortened (seconds, not minutes) by the same settings file that an operator
edits.

- Date: {begun:%Y-%m-%d %H:%M} UTC; it took {(datetime.now(UTC) - begun).total_seconds() / 60:.0f} minutes
- Command: `./anxue acceptance regulator --seed {seed}`
- Commit: {commit}
- Machine: {circumstances.machine()}; load average {os.getloadavg()[0]:.1f} at the end
- Result: {"passed" if all(run.passes for run in runs) and killed.passes else "FAILED"}

## Faults, each by itself and all at once

{faults}

`records` are different records, `revisions` all their revisions; `corrected` were returned by the regulator and sent
again as a new revision; `put right` is how often a person had to press one button (a stopped door or batch);
`withdrawn` were taken back. `lost`: newest revisions that are not accepted on both sides with one hash; `doubled`:
revisions that the simulator's own journal has more than once; `stray`: revisions that it has and the bridge does not
know as accepted. `reconciled` is the comparison of the day by count, hash and record afterwards.

{_heading(_RUN_COLUMNS)}
{rows}

## kill -9 at random in delivery

The carrier is killed at a random moment while records wait and batches go out; the lease of the dead one is ended by
hand (it would end by itself after 20 s), then another carrier goes on. Three of four kills wait until an attempt has
begun, every fourth does not. `in flight` are attempts that a kill cut off: begun, and never ended; a run in which
fewer than a quarter of the kills did so proves too little, and does not pass.

{_heading(_KILL_COLUMNS)}
{_kills(killed)}
"""
