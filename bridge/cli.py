"""`./anxue COMMAND`: finds the command, runs it, and turns every failure into a sentence that says what to do."""

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import click
from pydantic import ValidationError

from bridge.kernel.errors import BridgeError

_GROUPS = {
    "rules": "bridge.rules.commands:rules",
    "hours": "bridge.hours.commands:hours",
    "catalogue": "bridge.operator_commands:catalogue",
    "export": "bridge.operator_commands:export",
}
_PLUGIN_COMMANDS = {"face": "commands.face", "demo": "demonstration"}
_BENCHES = ("launch", "ingest", "face", "certificate", "feed")


class _Lazy(click.Group):
    """Imports a group when it is asked for: `--help` and `serve` must not wait for models and compilers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_GROUPS, *_PLUGIN_COMMANDS, "archive", "test"})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _GROUPS:
            module, _, attribute = _GROUPS[cmd_name].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        if cmd_name in _PLUGIN_COMMANDS:
            from bridge.plugin_loader import load

            plugin: click.Command = load(_PLUGIN_COMMANDS[cmd_name])
            return plugin
        if cmd_name == "archive":
            from bridge.archive.commands import archive_commands
            from bridge.plugin_loader import load

            return archive_commands(load("bag.bagit"))
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """安学桥:在现有 LMS 旁边补齐安全生产网络培训的实名、在场、学时、证明、档案与监管报送。"""


@main.command()
@click.option("--host", help="监听地址,默认 127.0.0.1。")
@click.option("--port", type=click.IntRange(1, 65535), help="监听端口,默认 8080。")
def serve(host: str | None, port: int | None) -> None:
    """启动安学桥(网页、任务、定时三个进程),Ctrl-C 或 SIGTERM 停止。"""
    from bridge.start import serve as start

    start(host, port)


@main.command(hidden=True)
@click.argument("part", type=click.Choice(["web", "worker", "beat"]))
def run(part: str) -> None:
    """运行单个进程(由 serve 调用,或在容器中各自运行)。"""
    from bridge.start import run_part

    run_part(part)


@main.command()
def migrate() -> None:
    """创建或升级数据库表。"""
    from bridge.start import migrate as upgrade

    upgrade()
    click.echo("数据库已是最新。", err=True)


@main.command()
@click.argument("name", type=click.Choice(_BENCHES))
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def bench(name: str, as_json: bool) -> None:
    """运行一项性能测量,对照组在同一次运行中测得。"""
    from bridge.bench.report import measure, print_report

    result = measure(name)
    if as_json:
        print_json(result)
    else:
        print_report(result)


@main.command("test", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test_command(arguments: Sequence[str]) -> None:
    """运行全部检查和测试(参数原样交给 pytest)。"""
    from bridge.setup.test_run import command

    command.main(args=list(arguments), prog_name="anxue test")


def print_json(value: dict[str, Any]) -> None:
    """Print exactly one JSON object on one line to stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def entry(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit 1 with a sentence on stderr where something fails."""
    try:
        main.main(args=None if arguments is None else list(arguments), prog_name="anxue")
    except BridgeError as error:
        click.echo(f"anxue: {error.message}({error.reason})", err=True)
        sys.exit(1)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            place = ".".join(str(part) for part in problem["loc"]) or "设置"
            click.echo(f"anxue: 设置有误 {place}: {problem['msg']}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    entry()
