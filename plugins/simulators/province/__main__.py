"""`python -m plugins.simulators.province --port N --state DIR --key KEY`; also `./anxue simulate regulator`."""

import logging
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType

import click
from werkzeug.serving import make_server

from plugins.reporting.guangdong import signing
from plugins.reporting.guangdong.signing_sm2 import read_profile
from plugins.simulators.province.app import create_app
from plugins.simulators.province.certificates import HOST, make_certificates, server_context
from plugins.simulators.province.faults import FAULTS, Faults
from plugins.simulators.province.intake import SYSTEM


def _faults(_context: click.Context, _parameter: click.Parameter, typed: str) -> frozenset[str]:
    names = frozenset(name.strip() for name in typed.split(",") if name.strip())
    if names == {"all"}:
        return frozenset(FAULTS)
    if unknown := names - FAULTS.keys():
        raise click.BadParameter(f"没有这种故障:{', '.join(sorted(unknown))};可选:{', '.join(FAULTS)}")
    return names


_FAULTS_HELP = "故障,可多选,all 为全部:" + "、".join(f"{name} {words}" for name, words in FAULTS.items())


@click.command(help=f"{SYSTEM}:接收报送批次,逐条给出结论;可以模拟各种故障,供上线前演练。")
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="监听端口(只在本机)。")
@click.option("--state", type=click.Path(path_type=Path), required=True, help="存放收到内容的文件夹。")
@click.option("--key", required=True, help="报送方须出示的密钥。")
@click.option("--faults", callback=_faults, default="", metavar="A,B", help=_FAULTS_HELP)
@click.option(
    "--chance", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="每种故障发生的概率。"
)
@click.option("--seed", type=int, help="随机数种子,用于重现。")
@click.option("--slow-seconds", type=float, default=20.0, show_default=True, help="slow 时多久才回答。")
@click.option("--sm2", type=click.Path(dir_okay=False, exists=True, path_type=Path),
              help="国密签名的设置(config/feeds/sm2.yaml);没有时不认国密签名。")  # fmt: skip
@click.option("--tls", is_flag=True, help="用 https(有 certificate 故障时总是)。")
def main(
    port: int,
    state: Path,
    key: str,
    faults: frozenset[str],
    chance: float,
    seed: int | None,
    slow_seconds: float,
    sm2: Path | None,
    tls: bool,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL if faults else logging.WARNING)
    log = logging.getLogger("province")
    world = Faults(faults, chance=chance, seed=seed, slow_seconds=slow_seconds)
    verify = partial(signing.verify, sm2=None if sm2 is None else read_profile(sm2))
    app = create_app(state, key, world, verify)
    context = None
    if tls or "certificate" in faults:
        log.info("证书颁发者 ANXUE_REGULATOR_CA=%s", make_certificates(state))
        context = server_context(state, lambda: world.strikes("certificate"))
    server = make_server("127.0.0.1", port, app, threaded=True, ssl_context=context)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    address = f"https://{HOST}:{port}/" if context else f"http://127.0.0.1:{port}/"
    log.info("%s %s %s", SYSTEM, address, "故障:" + "、".join(sorted(faults)) if faults else "")
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
