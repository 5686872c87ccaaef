"""`rules simulate`: a cohort's hours under another profile. The other commands of `rules` need no ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.hours.recompute import read_with_rules
from bridge.hours.simulation import Member, Outcome, Simulation, Worth, simulate
from bridge.kernel.errors import InvalidInput
from bridge.kernel.json_line import failures_told, print_json
from bridge.rules.commands import rules
from bridge.rules.loader import CONFIG, load_packs, load_profile, load_rule_book
from bridge.rules.model import ProfileInForce

__all__ = ["rules"]

_CHANGES = {
    "gains": "[green]增加[/green]",
    "loses": "[red]减少[/red]",
    "same": "不变",
    "stopped": "[yellow]无规定[/yellow]",
}
_DIR = click.Path(exists=True, file_okay=False, path_type=Path)


@rules.command("simulate", help="按另一个规则方案重算一批学员,列出谁的学时增加、谁的减少;不改动任何记录。")
@click.option("--profile", required=True, metavar="X", help="规则方案的编号,或含 profile.yaml 的目录。")
@click.option(
    "--cohort",
    required=True,
    metavar="Y",
    help="台账文件(.jsonl)所在目录或单个台账文件;否则为数据库中的班次编号,database 表示全部班次。",
)
@click.option(
    "--packs", "dirs", multiple=True, metavar="DIR", type=_DIR, help="另外使用此目录中的规则包(可多次)。"
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def simulate_command(profile: str, cohort: str, dirs: tuple[Path, ...], as_json: bool) -> None:
    """Print who gains and who loses; exit 1 if profile or cohort cannot be found or believed."""
    with failures_told(as_json), _cohort(cohort, dirs) as members:
        result = simulate(members, profile_in_force(profile, dirs))
    if as_json:
        print_json({"ok": True, **result.to_json()})
    else:
        _print(result)


def profile_in_force(name: str, dirs: tuple[Path, ...] = ()) -> ProfileInForce:
    """Return a profile that ships, or that of a folder, with packs of `dirs` before those that ship.

    Raises:
        InvalidInput: profile_unknown, or PackInvalid, PackConflict.
    """
    folder = Path(name)
    if (folder / "profile.yaml").is_file():
        profile = load_profile(folder.resolve())
    else:
        profile = load_rule_book().profile(name).profile
    given = load_packs(dirs)
    shipped = [
        pack for pack in load_packs([CONFIG / "rulepacks"]) if pack.id not in {one.id for one in given}
    ]
    return ProfileInForce(profile, [*given, *shipped])


@contextmanager
def _cohort(cohort: str, dirs: tuple[Path, ...]) -> Iterator[Iterator[Member]]:
    path = Path(cohort)
    if path.exists():
        yield from_files(path, dirs)
        return
    from bridge.settings import Settings
    from bridge.wiring import House
    from bridge.wiring.cohorts import members

    house = House.build(Settings())
    try:
        yield members(house, cohort)
    finally:
        house.close()


def from_files(path: Path, dirs: tuple[Path, ...] = ()) -> Iterator[Member]:
    """Yield the ledgers of a folder (and below it), or the one file; InvalidInput("cohort_empty")."""
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise InvalidInput("cohort_empty", "目录中没有台账文件(.jsonl),请检查路径。")
    for file in files:
        sheet, ledger, own = read_with_rules(file, dirs)
        yield Member(sheet, ledger.entries, own)


def _print(result: Simulation) -> None:
    console = Console()
    if console.width < 120:
        console = Console(width=120)
    table = Table(title=f"按规则方案 {result.profile} 重算", title_justify="left", show_lines=True)
    for heading in ("学员", "班次", "结果", "现在", "重算后", "起作用的规定"):
        table.add_column(heading, overflow="fold")
    for one in result.outcomes:
        table.add_row(
            one.sheet.learner,
            escape(one.sheet.class_run.title),
            _CHANGES[one.change],
            _worth(one.before),
            _worth(one.after),
            escape(_why(one)),
        )
    console.print(table)
    totals = result.totals
    console.print(
        f"共 {len(result.outcomes)} 人:增加 {totals['gains']} 人,减少 {totals['loses']} 人,"
        f"不变 {totals['same']} 人,因没有规定而不能计算 {totals['stopped']} 人。"
    )


def _worth(worth: Worth | None) -> str:
    if worth is None:
        return "—"
    complete = "已满足" if worth.hours.complete else "未满足"
    return (
        f"线上 {worth.hours.online_class_hours} 学时(计入 {worth.hours.online_share.value}),"
        f"线下 {worth.hours.offline_class_hours} 学时,{complete}"
    )


def _why(one: Outcome) -> str:
    if one.stops:
        return "\n".join(stop.message for stop in one.stops)
    lines = []
    for row in one.differences:
        before, after = row["before"], row["after"]
        if before and after and before["value_zh"] == after["value_zh"]:
            continue
        title = (before or after)["title_zh"]
        sides = [
            "无" if side is None else f"{side['value_zh']}({side['document']})" for side in (before, after)
        ]
        lines.append(f"{title}:{sides[0]} → {sides[1]}")
    return "\n".join(lines) or "—"
