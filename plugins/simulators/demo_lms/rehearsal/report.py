"""The results of a rehearsal: a table for people on stderr, or one JSON line on stdout."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plugins.simulators.demo_lms.rehearsal.run import NOT_BELIEVED, Result

_MARKS = {
    "right": "[green]正确[/green]",
    "wrong": "[bold red]错误[/bold red]",
    "open": "[yellow]未知[/yellow]",
}


def summary(results: Sequence[Result], tool: str) -> dict[str, Any]:
    """Return the rehearsal as a program reads it."""
    counts = {state: sum(result.state == state for result in results) for state in ("right", "wrong", "open")}
    return {
        "name": "simulate lms --check",
        "simulator": True,
        "tool": tool,
        "cases": len(results),
        **counts,
        "results": [result.to_json() for result in results],
    }


def json_line(results: Sequence[Result], tool: str) -> str:
    """Return the rehearsal on one line."""
    return json.dumps(summary(results, tool), ensure_ascii=False, separators=(",", ":"))


def row_of(result: Result) -> str:
    """Return one line for a case, with rich's marks."""
    answer = result.answer.words() if result.answer else "没有演练"
    said = result.fault or result.open
    tail = f" [dim]— {escape(said)}[/dim]" if said else ""
    return f"{_MARKS[result.state]} {escape(result.case.id):<24} {escape(result.case.title)}：{escape(answer)}{tail}"


def print_table(results: Sequence[Result], console: Console) -> None:
    """Print what was wrong or stayed open, and the counts."""
    rows = [result for result in results if result.fault or (result.open and result.open != NOT_BELIEVED)]
    if rows:
        table = Table(title="需要处理的情形")
        for heading in ("", "编号", "情形", "怎样才对", "实际", "说明"):
            table.add_column(heading, overflow="fold")
        for result in rows:
            table.add_row(
                _MARKS[result.state],
                escape(result.case.id),
                escape(result.case.title),
                result.case.right.words,
                escape(result.answer.words() if result.answer else "没有演练"),
                escape(result.fault or result.open),
            )
        console.print(table)
    counts = {state: sum(result.state == state for result in results) for state in ("right", "wrong", "open")}
    console.print(
        f"演练 {len(results)} 种情形：{counts['right']} 种正确，{counts['wrong']} 种错误，{counts['open']} 种未知。"
        "（平台为模拟器，人物均为虚构。）"
    )
