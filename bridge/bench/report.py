"""Runs a bench by name and shows it; each measures its peer in the same run."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bridge.plugin_loader import load


def measure(
    name: str,
    database: str = "sqlite",
    *,
    keep: Path | None = None,
    reuse: Path | None = None,
    learners: int | None = None,
) -> dict[str, Any]:
    """Return the bench's object: name, n, peers, and the keys of that bench.

    Args:
        keep, reuse, learners: of `supervision` alone, see there.
    """
    click.echo(f"anxue: 正在测量 {name} …", err=True)
    result: dict[str, Any]
    if name == "launch":
        from bridge.bench.launch import run as launch

        result = launch(json=True)
    elif name == "ingest":
        from bridge.bench.ingest import run as ingest

        result = ingest(database)
    elif name == "statements":
        from bridge.bench.statements import run as statements

        result = statements()
    elif name == "hours":
        from bridge.bench.hours import run as hours

        result = hours()
    elif name == "settlement":
        from bridge.bench.settlement import run as settlement

        result = settlement()
    elif name == "supervision":
        from bridge.bench.supervision import run as supervision

        result = supervision(learners, kept=keep, reuse=reuse)
    elif name == "face":
        from bridge.settings import Settings

        result = load("bench.face")(Settings().assets)
    else:
        result = load(f"bench.{name}")()
    return result


def print_report(result: dict[str, Any]) -> None:
    """Print the figures as a table for people."""
    table = Table("项目", "数值", title=f"bench {result['name']}(n = {result['n']})")
    for key, value in result.items():
        if key.startswith("pages"):
            for one in value:
                figures = ",".join(
                    f"{what} {_figure(number)}" for what, number in one.items() if what != "page"
                )
                table.add_row(f"{key}:{one['page']}", figures)
        elif key not in {"name", "n", "peers"}:
            table.add_row(key, _figure(value))
    for peer in result["peers"]:
        table.add_row(
            f"对照:{peer['name']}", f"{_figure(peer['figure'])} {peer['unit']},比值 {_figure(peer['ratio'])}"
        )
    Console().print(table)


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
