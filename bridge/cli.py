"""`./anxue COMMAND`: finds the command, runs it, and turns every failure into a sentence that says what to do."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
from pydantic import ValidationError

from bridge.kernel.errors import BridgeError
from bridge.kernel.json_line import print_json

_BENCHES = (
    "launch",
    "ingest",
    "statements",
    "hours",
    "settlement",
    "face",
    "face-search",
    "certificate",
    "feed",
    "supervision",
)


def _named(where: str) -> click.Command:
    module, _, attribute = where.partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    return command


def _plugin(name: str) -> click.Command:
    from bridge.plugin_loader import load

    command: click.Command = load(name)
    return command


def _archive() -> click.Command:
    from bridge.archive.commands import archive_commands
    from bridge.commands.handover import handover_commands
    from bridge.plugin_loader import load

    group = archive_commands(load("bag.bagit"))
    for command in handover_commands():
        group.add_command(command)
    return group


def _lti() -> click.Command:
    from contextlib import contextmanager

    from bridge.registry.lti_commands import lti_commands
    from bridge.registry.lti_office import PlatformOffice
    from bridge.settings import Settings
    from bridge.wiring import House

    @contextmanager
    def office() -> Iterator[PlatformOffice]:
        house = House.build(Settings())
        try:
            yield house.platform_office
        finally:
            house.close()

    return lti_commands(office)


_LAZY: Mapping[str, tuple[str, Callable[[], click.Command]]] = {
    "demo": ("走一遍全程演示:从课程入口到监管回执。", lambda: _plugin("demonstration")),
    "simulate": ("启动模拟的学习平台或省级平台。", lambda: _plugin("simulators")),
    "attack": ("用公开的刷课手法攻击安学桥,报告误计与误伤的秒数。", lambda: _plugin("attack")),
    "capacity": ("测量本机的单批成本,模拟一个省规模的一天。", lambda: _plugin("capacity")),
    "rules": ("查看、检查和签认规则包,按另一方案试算。", lambda: _named("bridge.commands.rules:rules")),
    "hours": ("重算学时,逐段说明每一秒为何计入或不计入。", lambda: _named("bridge.commands.hours:hours")),
    "ledger": ("校验和封存台账,出具证据。", lambda: _named("bridge.commands.ledger:ledger")),
    "verify": ("离线核对证明的 PDF 或证据文件。", lambda: _named("bridge.commands.ledger:verify_proof")),
    "compliance": (
        "逐条列出法规、执行它的规则、今天的依据和缺口。",
        lambda: _named("bridge.commands.compliance:compliance_command"),
    ),
    "archive": ("校验学员学习电子档案,移交和接收档案。", _archive),
    "papers": ("证明的签章证书与机构版式。", lambda: _named("bridge.commands.papers:papers")),
    "face": ("测量人脸模型。", lambda: _plugin("commands.face")),
    "catalogue": ("载入机构、课程、班次与报名名单。", lambda: _named("bridge.commands.catalogue:catalogue")),
    "enrolment": (
        "从 Excel 或 CSV 导入报名名单。",
        lambda: _named("bridge.commands.enrolment:enrolment"),
    ),
    "lti": ("登记和管理学习平台(LTI 1.3)。", _lti),
    "acceptance": (
        "耗时较长的验收:外部系统、变异测试。",
        lambda: _named("bridge.commands.acceptance:acceptance"),
    ),
    "intake": (
        "学习记录:发送方凭证、隔离与重放、与学习平台核对。",
        lambda: _named("bridge.commands.intake:intake"),
    ),
    "privacy": ("个人信息:查找不应留存的内容。", lambda: _named("bridge.commands.privacy:privacy")),
    "staff": (
        "人员账号:解除等待、重新邀请、停用、重置两步验证。",
        lambda: _named("bridge.commands.staff:staff"),
    ),
    "supervision": (
        "监管统计:与各项记录重新核对。",
        lambda: _named("bridge.commands.supervision:supervision"),
    ),
    "api": ("只读接口的客户端:申请、批准、更换密钥、停用。", lambda: _named("bridge.commands.api:api")),
    "identity": ("实名核验服务的设置与状况。", lambda: _named("bridge.commands.identity:identity")),
    "feed": (
        "向监管平台报送:状况、试算、更正、重发、对账、证据。",
        lambda: _named("bridge.commands.feed:feed"),
    ),
    "export": ("导出学员的证明、台账与档案。", lambda: _named("bridge.commands.catalogue:export")),
}
"""Groups that are imported when they are asked for: help and `serve` must not wait for models and compilers."""


class _Lazy(click.Group):
    """A group that knows the names and words of more commands than it has loaded."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LAZY})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LAZY:
            return _LAZY[cmd_name][1]()
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            if name in _LAZY:
                rows.append((name, _LAZY[name][0]))
            elif (command := super().get_command(ctx, name)) is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(limit=80)))
        with formatter.section("命令"):
            formatter.write_dl(rows)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """安学桥:在现有 LMS 旁边补齐安全生产网络培训的实名、在场、学时、证明、档案与监管报送。"""


@main.command()
@click.option("--host", help="监听地址,默认 127.0.0.1。")
@click.option("--port", type=click.IntRange(1, 65535), help="监听端口,默认 8080。")
def serve(host: str | None, port: int | None) -> None:
    """启动安学桥(网页、任务、定时、人脸核验各进程),Ctrl-C 或 SIGTERM 停止。"""
    from bridge.start import serve as start

    start(host, port)


@main.command(hidden=True)
@click.argument("part", type=click.Choice(["web", "worker", "beat", "judge"]))
def run(part: str) -> None:
    """运行单个进程(由 serve 调用,或在容器中各自运行)。"""
    from bridge.start import run_part

    run_part(part)


@main.command()
def migrate() -> None:
    """创建或升级数据库表;首次运行时生成密钥并打印管理员邀请链接。"""
    from bridge.settings import Settings
    from bridge.start import print_invitation, set_up

    settings = Settings()
    invitation = set_up(settings)
    click.echo("数据库已是最新。", err=True)
    if invitation is not None:
        print_invitation(settings, invitation)


@main.command()
@click.argument("name", type=click.Choice(_BENCHES))
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
@click.option(
    "--database",
    type=click.Choice(("sqlite", "postgresql")),
    default="sqlite",
    help="ingest 使用的数据库(postgresql 会另起一个临时服务)。",
)
@click.option(
    "--keep", type=click.Path(path_type=Path), help="supervision:在这个空目录中建虚构全省数据并保留。"
)
@click.option("--reuse", type=click.Path(path_type=Path), help="supervision:使用以前用 --keep 建成的目录。")
@click.option("--learners", type=click.IntRange(min=2_000), help="supervision:虚构学员人数,默认一百万。")
def bench(
    name: str, as_json: bool, database: str, keep: Path | None, reuse: Path | None, learners: int | None
) -> None:
    """运行一项性能测量,对照组在同一次运行中测得。"""
    from bridge.bench.report import measure, print_report
    from bridge.setup.assets import ensure_assets

    ensure_assets()
    result = measure(name, database, keep=keep, reuse=reuse, learners=learners)
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
    from bridge.start import configure_logs

    # Before anything logs: what stands on standard output is the command's own answer.
    configure_logs()
    entry()
