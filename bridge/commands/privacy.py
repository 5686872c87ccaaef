"""`./anxue privacy …`: what this bridge keeps about people, asked from outside."""

import sys
from pathlib import Path

import click

from bridge.commands.access_log import access_log
from bridge.commands.assessments import assessment, faces
from bridge.commands.house import opened_house
from bridge.commands.keys import keys, receipts
from bridge.kernel.json_line import failures_told, print_json
from bridge.privacy.needles import read_needles
from bridge.privacy.scan import Searched, search

_FOUND, _INCOMPLETE = 1, 3
_AREAS_ZH = {"database": "数据库", "evidence": "加密材料", "queue": "任务队列", "data folder": "数据目录"}


@click.group("privacy", help="个人信息:查找不应留存的内容。")
def privacy() -> None:
    """Hold the commands together."""


privacy.add_command(access_log)
privacy.add_command(keys)
privacy.add_command(receipts)
privacy.add_command(assessment)
privacy.add_command(faces)


@privacy.command("scan")
@click.option(
    "--strings",
    "list_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="要查找的字符串,每行一个(UTF-8)。",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="同时查找这些文件或目录(日志、导出、备份),可多次使用。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def scan_command(list_file: Path, also: tuple[Path, ...], as_json: bool) -> None:
    """在数据库、加密材料、任务队列、数据目录中查找给定的字符串,说明在哪里。

    \b
    只报告字符串在清单中的行号,不重复其内容。手机号按空格、横线、全角数字、转义和编码后的写法一并查找。
    退出码:0 没有找到;1 找到;3 没有找到,但有内容无法查看。
    """
    with failures_told(as_json), opened_house() as house:
        needles = read_needles(list_file.read_text(encoding="utf-8-sig").splitlines())
        done = search(house, needles, also, _tell)
    if as_json:
        print_json(_as_json(done, len(needles)))
    else:
        _print(done, len(needles))
    if done.hit_count:
        raise SystemExit(_FOUND)
    if done.not_searched:
        raise SystemExit(_INCOMPLETE)


def _as_json(done: Searched, strings: int) -> dict[str, object]:
    return {
        "name": "privacy_scan",
        "strings": strings,
        "found": done.hit_count,
        "hits": [
            {"place": hit.place, "row": hit.row, "line": hit.line, "form": hit.form} for hit in done.hits
        ],
        "searched_bytes": dict(done.bytes_in),
        "not_searched": [
            {"place": place, "why": why, "count": count} for (place, why), count in done.not_searched.items()
        ],
    }


def _print(done: Searched, strings: int) -> None:
    for area, size in done.bytes_in.items():
        click.echo(f"{_AREAS_ZH.get(area, area)}:已查 {size / 1e6:,.1f} MB")
    for (place, why), count in done.not_searched.items():
        click.echo(f"无法查看:{place}({why},{count} 处)")
    for hit in done.hits:
        where = f"{hit.place} {hit.row}".rstrip()
        click.echo(f"找到第 {hit.line} 行的字符串:{where}(写法 {hit.form})")
    if done.hit_count > len(done.hits):
        click.echo(f"另有 {done.hit_count - len(done.hits)} 处未逐一列出。")
    if not done.hit_count:
        click.echo(f"{strings} 个字符串都没有找到。" + ("但上述内容无法查看。" if done.not_searched else ""))


def _tell(area: str) -> None:
    sys.stderr.write(f"正在查找:{_AREAS_ZH.get(area, area)} …\n")
