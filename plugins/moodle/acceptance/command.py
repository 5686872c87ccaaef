"""`./anxue acceptance moodle`: one learner's road through the three plugins on a Moodle that may be changed."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

from bridge.settings import ROOT
from plugins.moodle.acceptance import (
    bridge_steps,
    contact_steps,
    gate_steps,
    opening_steps,
    site_steps,
    watched_steps,
)
from plugins.moodle.acceptance.bridge_side import BridgeSide
from plugins.moodle.acceptance.log import write_log
from plugins.moodle.acceptance.person import Person
from plugins.moodle.acceptance.run import Run
from plugins.moodle.acceptance.school import School
from plugins.moodle.acceptance.site import Site
from plugins.simulators.demonstration.steps import Journal, StepFailed


@click.command("moodle", help="在一个真实的 Moodle(测试站)上验收三个插件,并写下带日期的记录。")
@click.option("--url", envvar="MOODLE_URL", required=True, help="Moodle 的网址(环境变量 MOODLE_URL)。")
@click.option(
    "--dir", "folder", envvar="MOODLE_DIR", required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Moodle 的代码目录,用它自带的命令行脚本(环境变量 MOODLE_DIR)。",
)  # fmt: skip
@click.option(
    "--admin", envvar="MOODLE_ADMIN", default="admin", show_default=True, help="管理员账号(MOODLE_ADMIN)。"
)
@click.option(
    "--password", envvar="MOODLE_PASSWORD", required=True, help="管理员密码(请用环境变量 MOODLE_PASSWORD)。"
)
@click.option("--php", default="php", show_default=True, help="怎样启动 PHP,例如 “sudo -u www-data php”。")
@click.option("--listen", default="127.0.0.1", show_default=True, help="安学桥监听的地址,Moodle 须能访问。")
@click.option("--log", "log", type=click.Path(dir_okay=False, path_type=Path),
              default=ROOT / "docs" / "acceptance" / "moodle.md", show_default="docs/acceptance/moodle.md",
              help="记录写到哪里。")  # fmt: skip
@click.option("--keep", is_flag=True, help="不删除本次建立的课程和人员,不恢复设置。")
@click.option("--without-phpunit", is_flag=True, help="不运行 PHPUnit(记录中会写明没有运行)。")
def moodle(
    url: str,
    folder: Path,
    admin: str,
    password: str,
    php: str,
    listen: str,
    log: Path,
    keep: bool,
    without_phpunit: bool,
) -> None:
    """Walk all steps; exit 1 if any failed."""
    journal = Journal(Console(highlight=False))
    site = Site(url.rstrip("/"), folder.resolve(), php)
    try:
        person = Person(site.url).log_in(admin, password)
    except StepFailed as error:
        raise click.ClickException(str(error)) from error
    with TemporaryDirectory(prefix="anxue-acceptance-") as own:
        school = School(site, person)
        run = Run(site, person, (admin, password), school, BridgeSide(Path(own), listen), journal)
        try:
            with journal.held():
                _walk(run)
            if without_phpunit:
                with journal.held(), journal.step("phpunit", "PHPUnit 与核心隐私测试") as step:
                    step.say("按 --without-phpunit 没有运行")
                    raise StepFailed("没有运行,不能算通过")
            else:
                with journal.held():
                    site_steps.phpunit(run)
        finally:
            with (
                suppress(StepFailed),
                journal.step("clean_up", "停止安学桥;删除本次的课程、人员、工具、角色;恢复设置") as step,
            ):
                run.bridge.stop()
                if keep:
                    step.say("按 --keep 全部保留")
                else:
                    school.remove()
                    step.say(f"恢复 {site.restore()} 项设置")
            write_log(run, log, datetime.now(UTC))
    click.echo(f"记录已写入 {log}")
    sys.exit(1 if journal.failed else 0)


def _walk(run: Run) -> None:
    site_steps.installed(run)
    with run.journal.step("prepare", "启动安学桥,建立课程、学员、课件和受控测验") as step:
        run.bridge.start()
        run.school.make_course()
        run.school.make_lesson()
        run.school.make_guarded()
        run.school.make_quiz()
        step.say(f"安学桥 {run.bridge.url},课程 {run.school.mark}")
    site_steps.connect(run)
    bridge_steps.staff_set_up(run)
    site_steps.enter(run)
    site_steps.study(run)
    bridge_steps.contact_exception(run)
    bridge_steps.hours_open(run)
    gate_steps.forced_start(run)
    watched_steps.watched_attempt(run)
    page = gate_steps.grant_and_consent(run)
    gate_steps.revoke_in_mid_attempt(run, page)
    gate_steps.who_else(run)
    gate_steps.backup_keeps_the_gate(run)
    site_steps.delivered(run)
    bridge_steps.consent_withdrawn(run)
    opening_steps.opens_by_state(run)
    contact_steps.clean_and_undo(run)
