"""Starts the simulator as a process of its own: `python -m plugins.simulators.demo_lms --help`."""

import logging
import signal
import sys
import threading
from pathlib import Path

import click
from werkzeug.serving import make_server

from bridge.kernel.errors import BridgeError
from bridge.kernel.time import SystemClock
from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.course import load
from plugins.simulators.demo_lms.keys import webhook_secret


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="端口；0 表示由系统选择。")
@click.option("--bridge-url", required=True, help="安学桥的地址，例如 http://127.0.0.1:8000。")
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), required=True, help="存放密钥和数据的目录。"
)
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="演示内容（YAML）。"
)
@click.option(
    "--webhook-secret-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="与安学桥共用的签名密钥文件；默认为 STATE/webhook-secret，没有就新建。",
)
def main(port: int, bridge_url: str, state: Path, config: Path, webhook_secret_file: Path | None) -> None:
    """演示用学习平台（模拟器，不是真实系统）：一个小而严格的 LTI 1.3 平台。"""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = webhook_secret(webhook_secret_file or state / "webhook-secret")
    server = make_server("127.0.0.1", port, app=_not_ready, threaded=True)
    lms_url = f"http://127.0.0.1:{server.server_port}"
    try:
        lms = load(config, lms_url=lms_url, bridge_url=bridge_url.rstrip("/"))
    except BridgeError as error:
        raise click.ClickException(error.message) from error
    app = create_app(lms, state=state, clock=SystemClock(), webhook_secret=secret)
    server.app = app
    courier = app.extensions["demo_lms"].courier
    courier.start()

    def stop(_signal: int, _frame: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    click.echo(f"演示用学习平台（模拟器）已启动：{lms_url}", err=True)
    server.serve_forever()
    courier.stop()
    app.extensions["demo_lms"].store.close()


def _not_ready(_environ: object, start_response: object) -> list[bytes]:
    raise RuntimeError("the simulator is still starting")


if __name__ == "__main__":
    main()
