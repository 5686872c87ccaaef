"""`python -m plugins.simulators.province --port N --state DIR --key KEY`."""

import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click
from werkzeug.serving import make_server

from plugins.simulators.province.app import create_app
from plugins.simulators.province.intake import SYSTEM


@click.command(help=f"{SYSTEM}:接收报送批次,逐条给出结论。")
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="监听端口(只在本机)。")
@click.option("--state", type=click.Path(path_type=Path), required=True, help="存放收到内容的文件夹。")
@click.option("--key", required=True, help="报送方须出示的密钥。")
def main(port: int, state: Path, key: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", port, create_app(state, key), threaded=True)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    logging.getLogger("province").info("%s http://127.0.0.1:%d/", SYSTEM, port)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
