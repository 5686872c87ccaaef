"""`./anxue simulate`: the outside systems that stand in for real ones, each as a process of its own."""

import click

from plugins.simulators.demo_lms.command import lms
from plugins.simulators.province.__main__ import main as province
from plugins.simulators.unified_login import unified_login


@click.group(help="启动模拟的外部系统(不是真实系统):学习平台、省级监管平台、统一身份认证。")
def simulate() -> None:
    """Hold the commands."""


simulate.add_command(lms, "lms")
simulate.add_command(province, "province")
simulate.add_command(province, "regulator")
simulate.add_command(unified_login, "unified-login")
