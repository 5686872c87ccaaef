"""`./anxue compliance`: every article, what enforces it, what shows it today, what lapses, which text nobody has."""

from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.kernel.errors import BridgeError
from bridge.kernel.ids import InstitutionId
from bridge.kernel.json_line import print_json
from bridge.rules.wording import UNCONFIRMED_ZH, period_zh
from bridge.settings import Settings
from bridge.supervision.compliance import ArticleRow
from bridge.wiring import House
from bridge.wiring.compliance import CompliancePage, compliance_page

_STATES = {
    "kept": "[green]有规定、有依据[/green]",
    "attention": "[yellow]须关注[/yellow]",
    "missing": "[red]缺依据[/red]",
    "people": "由有关方负责",
    "nothing": "无须执行",
}


@click.command("compliance", help="逐条列出法规:由哪些规则执行、今天的依据、缺什么、何时失效、哪些原文未见。")
@click.option("--institution", metavar="ID", help="只看这家机构的班次;默认全部。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def compliance_command(institution: str | None, as_json: bool) -> None:
    """Print the page; exit 1 if it cannot be made."""
    try:
        house = House.build(Settings())
        try:
            page = compliance_page(house, institution=InstitutionId(institution) if institution else None)
        finally:
            house.close()
    except BridgeError as error:
        click.echo(error.message, err=True)
        raise SystemExit(1) from error
    if as_json:
        print_json(to_json(page))
    else:
        _print(page)


def to_json(page: CompliancePage) -> dict[str, Any]:
    """Return the page as JSON values."""
    return {
        "today": page.today.isoformat(),
        "profiles": [
            {
                "id": part.rules.profile.id,
                "class_runs": part.class_runs,
                "not_given": dict(part.rules.profile.not_given),
                "documents": [
                    {
                        "pack": document.pack.id,
                        "document": document.pack.document,
                        "in_force": document.in_force,
                        "effective_from": document.pack.effective_from.isoformat(),
                        "effective_until": _day(document.pack.effective_until),
                        "articles": [_row(row) for row in document.rows],
                        "unseen": [{"place": one.place_zh, "why": one.why_zh} for one in document.unseen],
                    }
                    for document in part.documents
                ],
            }
            for part in page.profiles
        ],
    }


def _row(row: ArticleRow) -> dict[str, Any]:
    return {
        "article": row.duty.article,
        "duty": row.duty.duty_zh,
        "kind": row.duty.kind,
        "by": row.duty.by_zh or None,
        "state": row.state,
        "rules": [one.name for one in row.rules],
        "unconfirmed": [one.name for one in row.unconfirmed],
        "steps": list(row.steps),
        "evidence": [
            {"name": one.name, "state": one.state, "sentence": one.sentence_zh} for one in row.evidence
        ],
        "lapses_on": _day(row.lapses_on),
    }


def _day(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())


def _print(page: CompliancePage) -> None:
    console = Console()
    if console.width < 120:
        console = Console(width=120)
    for part in page.profiles:
        console.print(f"规则方案 {escape(part.rules.profile.title_zh)}:{part.class_runs} 个班次,{page.today}")
        for document in part.documents:
            pack = document.pack
            period = period_zh(pack.effective_from, pack.effective_until)
            title = f"{pack.document}({period}{'' if document.in_force else ',不在有效期'})"
            table = Table(title=title, title_justify="left", show_lines=True)
            for heading in ("条文", "职责", "状况", "规则", "今天的依据", "失效"):
                table.add_column(heading, overflow="fold")
            for row in document.rows:
                rules = [
                    escape(one.title_zh) + ("" if one.confirmed else f"({UNCONFIRMED_ZH})")
                    for one in row.rules
                ]
                table.add_row(
                    row.duty.article or "条号未见",
                    escape(row.duty.duty_zh),
                    _STATES[row.state] + (f"\n{row.duty.by_zh}" if row.duty.by_zh else ""),
                    "\n".join(rules) or "—",
                    escape("\n".join(one.sentence_zh for one in row.evidence)) or "—",
                    _day(row.lapses_on) or "—",
                )
            console.print(table)
            for one in document.unseen:
                console.print(f"原文未见:{escape(one.place_zh)}。{escape(one.why_zh)}", soft_wrap=True)
