"""`./anxue archive …`."""

import json
from collections.abc import Callable
from pathlib import Path

import click

from bridge.archive.ports import BagFormat
from bridge.archive.verification import summary, verify


def archive_commands(bags: Callable[[], BagFormat]) -> click.Group:
    """Return the click group `archive`, reading bags with the format that `bags` gives."""

    @click.group("archive", help="学员学习电子档案(一人一档)。")
    def archive() -> None:
        pass

    @archive.command("verify", help="校验 DIR 中的档案:任何一个字节被改动、增加、删除或改名都会指出。")
    @click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
    @click.option("--json", "as_json", is_flag=True, help="在标准输出打印一个 JSON 对象。")
    @click.pass_context
    def verify_command(context: click.Context, folder: Path, as_json: bool) -> None:
        faults = verify(folder, bags())
        facts = {} if faults else summary(folder)
        if as_json:
            click.echo(
                json.dumps(
                    {
                        "valid": not faults,
                        "faults": [
                            {"code": one.code, "path": one.path, "message": one.sentence_zh} for one in faults
                        ],
                        **facts,
                    },
                    ensure_ascii=False,
                )
            )
        else:
            for one in faults:
                click.echo(f"✗ {one.sentence_zh}", err=True)
            if facts:
                papers = "、".join(facts["certificates"]) or "无"
                click.echo(f"✓ 档案完整,共 {facts['files']} 个文件;证明编号:{papers}")
                click.echo(f"  学时账本末端 {facts['ledger_head']}")
        context.exit(1 if faults else 0)

    return archive
