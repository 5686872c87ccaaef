"""`./anxue simulate lms`: the simulator as a process of its own, or once through all cases against a tool (--check)."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
from flask import Flask
from rich.console import Console
from werkzeug.serving import BaseWSGIServer, make_server

from bridge.kernel.errors import BridgeError
from bridge.kernel.time import SystemClock
from bridge.settings import ROOT, Settings
from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.course import load
from plugins.simulators.demo_lms.desk import Desk
from plugins.simulators.demo_lms.keys import webhook_secret
from plugins.simulators.demo_lms.rehearsal.report import json_line, print_table, row_of
from plugins.simulators.demo_lms.rehearsal.run import FIRST, NOT_BELIEVED, Result, rehearse

_PORT = 8100


@click.command("lms", help="学习平台(模拟器,LTI 1.3):可以设定各种错误,检验工具是否守得住。")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_PORT,
    show_default=True,
    help="本机端口；0 表示由系统选择。",
)
@click.option(
    "--bridge-url",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="被检验的工具（安学桥）的地址。",
)
@click.option("--public-url", help="工具看到的本平台地址（经反向代理时）；默认 http://127.0.0.1:端口。")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="存放密钥和数据的目录；默认 var/simulators/lms。",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "config" / "demo" / "lms.yaml",
    help="平台、工具、人物和课程（YAML）；默认为演示内容。",
)
@click.option(
    "--webhook-secret-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="与安学桥共用的签名密钥文件；默认为 STATE/webhook-secret，没有就新建。",
)
@click.option("--check", is_flag=True, help="把全部情形演练一遍，然后结束；有一种错误即返回 1。")
@click.option("--patient", is_flag=True, help="与 --check 同用：需要等待十分钟的情形也演练。")
@click.option("--json", "as_json", is_flag=True, help="与 --check 同用：只输出一行 JSON。")
def lms(
    port: int,
    bridge_url: str,
    public_url: str | None,
    state: Path | None,
    config: Path,
    webhook_secret_file: Path | None,
    check: bool,
    patient: bool,
    as_json: bool,
) -> None:
    """Serve until SIGTERM or SIGINT, or play all cases and exit 1 if the tool was wrong in one."""
    if (as_json or patient) and not check:
        raise click.UsageError("--json 和 --patient 要与 --check 同用。")
    _require_origin(bridge_url, "--bridge-url")
    if public_url is not None:
        _require_origin(public_url, "--public-url")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    for noisy in ("werkzeug", "plugins.simulators.demo_lms.rehearsal"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    folder = state or Settings().var / "simulators" / "lms"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = webhook_secret(webhook_secret_file or folder / "webhook-secret")
    with _standing(port, bridge_url.rstrip("/"), public_url, folder, config, secret) as (server, app):
        desk: Desk = app.extensions["demo_lms"]
        if check:
            sys.exit(_check(server, desk, patient=patient, as_json=as_json))
        _serve(server, desk)


@contextmanager
def _standing(
    port: int, bridge_url: str, public_url: str | None, state: Path, config: Path, secret: bytes
) -> Iterator[tuple[BaseWSGIServer, Flask]]:
    """Give the simulator with its port taken; it answers once the server's loop runs."""
    server = make_server("127.0.0.1", port, app=_not_ready, threaded=True)
    try:
        lms_url = (public_url or f"http://127.0.0.1:{server.server_port}").rstrip("/")
        try:
            served = load(config, lms_url=lms_url, bridge_url=bridge_url)
        except BridgeError as error:
            raise click.ClickException(error.message) from error
        app = create_app(served, state=state, clock=SystemClock(), webhook_secret=secret)
        server.app = app
        yield server, app
        app.extensions["demo_lms"].store.close()
    finally:
        server.server_close()


def _serve(server: BaseWSGIServer, desk: Desk) -> None:
    def stop(_signal: int, _frame: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    desk.courier.start()
    click.echo(f"演示用学习平台（模拟器）已启动：{desk.lms.issuer}", err=True)
    server.serve_forever()
    desk.courier.stop()


def _check(server: BaseWSGIServer, desk: Desk, *, patient: bool, as_json: bool) -> int:
    """Play all cases while the server runs beside; return the exit status."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    results: list[Result] = []
    try:
        for result in rehearse(desk, patient=patient):
            results.append(result)
            if not as_json and result.open != NOT_BELIEVED:
                console.print(row_of(result))
    finally:
        server.shutdown()
    if as_json:
        click.echo(json_line(results, desk.lms.bridge_url))
    else:
        print_table(results, console)
        if results[0].case.id == FIRST and results[0].state != "right":
            console.print(_what_to_register(desk))
    return 0 if all(result.state != "wrong" for result in results) else 1


def _what_to_register(desk: Desk) -> str:
    lms = desk.lms
    return (
        "请先在被检验的工具中登记本平台（模拟器）：\n"
        f"  issuer {lms.issuer}\n  client_id {lms.tool.client_id}\n  部署编号 {lms.platform.deployment_id}\n"
        f"  登录地址 {lms.issuer}/lti/auth\n  令牌地址 {lms.issuer}/lti/token\n  公钥地址 {lms.issuer}/lti/jwks"
    )


def _require_origin(url: str, option: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise click.UsageError(f"{option} 应是网站地址，例如 http://127.0.0.1:8080。")


def _not_ready(_environ: object, start_response: object) -> list[bytes]:
    raise RuntimeError("the simulator is still starting")
