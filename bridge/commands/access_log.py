"""`./anxue privacy access-log …`: is the log of who saw whom as it was written?"""

import json
from pathlib import Path

import click

from bridge.commands.house import opened_house
from bridge.identity.access_log import heads, verify
from bridge.kernel.errors import InvalidInput
from bridge.kernel.json_line import print_json

_SHOWN = 50
_REASONS_ZH = {
    "row_changed": "内容被改动",
    "row_removed": "被删去",
    "link_broken": "与前一条接不上",
    "earlier_rows_changed": "成链以前的记录被改动、删去或插入",
    "head_changed": "链头被改动",
    "not_as_witnessed": "与外部留存的链头不符",
}


@click.group("access-log", help="个人信息查看记录(谁、何时、为何看了谁的姓名、证件或人脸)的哈希链。")
def access_log() -> None:
    """Hold the commands together."""


@access_log.command("verify", help="核对查看记录;指出每条被改动、删去或插入的记录,有则退出码为 1。")
@click.option(
    "--heads",
    "heads_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="外部留存的链头(access-log heads 的输出);末尾被整段删去只有它能发现。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def verify_command(heads_file: Path | None, as_json: bool) -> None:
    """Print what was found; exit 1 if anything is not as it was written."""
    witnessed = {} if heads_file is None else _read(heads_file.read_text(encoding="utf-8"))
    with (
        opened_house() as house,
        house.uow.across_institutions("verify the log of accesses", read_only=True) as tx,
    ):
        checked, faults = verify(tx.session, house.cipher, witnessed)
    if as_json:
        print_json({"checked": checked, "faults": [one.to_json() for one in faults]})
    else:
        click.echo(
            f"共核对 {checked} 条查看记录,{'全部与写入时一致' if not faults else f'{len(faults)} 处不一致'}。"
        )
        for one in faults[:_SHOWN]:
            row = "" if one.row is None else f"({one.row})"
            click.echo(f"✗ {one.institution} 第 {one.seq} 条{row}:{_REASONS_ZH[one.reason]}", err=True)
    if faults:
        raise SystemExit(1)


@access_log.command("heads", help="输出各机构的链头(一行一个 JSON);请另行留存,供日后核对。")
def heads_command() -> None:
    """Print where each chain ends."""
    with opened_house() as house, house.uow.across_institutions("heads of accesses", read_only=True) as tx:
        for head in heads(tx.session):
            print_json(head)


def _read(text: str) -> dict[str, tuple[int, str]]:
    """Return the last head of each institution in a file of heads; InvalidInput("heads_malformed")."""
    found: dict[str, tuple[int, str]] = {}
    try:
        for line in filter(str.strip, text.splitlines()):
            one = json.loads(line)
            head = (int(one["seq"]), str(one["mark"]))
            found[str(one["institution"])] = max(head, found.get(str(one["institution"]), head))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(
            "heads_malformed", "链头文件应为 anxue privacy access-log heads 的输出,一行一个 JSON 对象。"
        ) from error
    return found
