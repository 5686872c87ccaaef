"""Starts processes: the supervisor of `serve`, each of its parts, and what the first start makes."""

import ctypes
import logging
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import click
import structlog

from bridge.kernel.errors import Unavailable
from bridge.settings import Settings

_READY_LOOK_SECONDS = 0.1
_M_ARENA_MAX = -8
_HEAPS = 2
_GIVES_WAY = {"judge": 9, "worker": 12}


def configure_logs() -> None:
    """Send logs to stderr, one line each, with instants in UTC and no personal data by the callers' care."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_exception_text,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _without_exception_text(
    _logger: object, _name: str, event: "structlog.typing.EventDict"
) -> "structlog.typing.EventDict":
    # A stack shows code; an exception's text could show a row. Only type and place are kept.
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        event["error"] = type(error).__name__
        if trace is not None:
            event["place"] = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return event


def migrate(settings: Settings | None = None) -> None:
    """Create or upgrade the tables of the settings' database."""
    from bridge.db.engine import open_engine
    from bridge.db.schema import upgrade

    settings = settings or Settings()
    prepare_folder(settings)
    engine = open_engine(settings.database_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def prepare_folder(settings: Settings) -> None:
    """Make the data folder, readable by its owner alone."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Unavailable(
            "data_folder", f"无法建立数据目录 {settings.data_dir},请检查权限和磁盘空间。", permanent=True
        ) from error


def serve(host: str | None, port: int | None) -> None:
    """Run web, worker and beat until SIGTERM; print where to look, and once who may administer."""
    from bridge.serve import JUDGE, PARTS, Supervisor
    from bridge.setup.assets import ensure_assets

    # The parts read the same environment, so what the command line says is said there.
    for name, value in (("ANXUE_HOST", host), ("ANXUE_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    settings = Settings()
    configure_logs()
    started = time.monotonic()
    require_port(settings)
    ensure_assets()
    invitation: str | None = None
    looked = False

    def look() -> bool:
        nonlocal invitation, looked
        if not looked:
            # The web process is on its way meanwhile; it answers "not ready" until the tables stand.
            looked = True
            invitation = None if is_set_up(settings) else set_up(settings)
        if not is_ready(settings):
            return False
        click.echo(f"anxue: 已就绪({time.monotonic() - started:.1f} 秒) {settings.public_url}", err=True)
        if invitation is not None:
            print_invitation(settings, invitation)
        return True

    Supervisor((*PARTS, *[JUDGE] * settings.judges), is_ready=look).run()


def print_invitation(settings: Settings, invitation: str) -> None:
    """Print where the first administrator sets a password; shown once, never stored."""
    click.echo("anxue: 首次启动。管理员邀请链接(只显示这一次,24 小时内有效):", err=True)
    click.echo(f"{settings.public_url}/invite/{invitation}")


def require_port(settings: Settings) -> None:
    """Raise Unavailable("port_in_use") if something listens there already."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(
                "port_in_use",
                f"{settings.host}:{settings.port} 已被占用,请关闭占用的程序,或用 --port 换一个端口。",
                permanent=True,
            ) from error


def is_ready(settings: Settings) -> bool:
    """Return whether /readyz answers 200."""
    try:
        with urllib.request.urlopen(f"http://{settings.host}:{settings.port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_set_up(settings: Settings) -> bool:
    """Return whether nothing is left to make: looked up without loading the house, so that a start is quick."""
    from sqlalchemy import text

    from bridge.db.engine import open_engine
    from bridge.db.schema import is_current

    keys = settings.data_dir / "keys"
    if not (keys / "root.wrapped").exists() and not (keys / "master.key").exists():
        return False
    engine = open_engine(settings.database_url)
    try:
        if not is_current(engine):
            return False
        with engine.connect() as connection:
            found = connection.execute(text("SELECT 1 FROM staff_account WHERE role = 'administrator'"))
            return found.first() is not None
    finally:
        engine.dispose()


def set_up(settings: Settings) -> str | None:
    """Make tables and keys, and invite an administrator if there is none; return the invitation's token."""
    from bridge.wiring import House

    migrate(settings)

    house = House.build(settings)
    try:
        return house.invite_first_administrator()
    finally:
        house.close()


def run_part(part: str) -> None:
    """Run one part until it is told to stop."""
    keep_few_heaps()
    give_way(part)
    configure_logs()
    settings = Settings()
    prepare_folder(settings)
    if part == "web":
        _run_web(settings)
        return
    from bridge.worker.celery_app import celery_app, run_beat

    app = celery_app(settings)
    if part == "beat":
        run_beat(app, settings.data_dir)
        return
    from bridge.wiring import House
    from bridge.worker.celery_app import register_judge, register_tasks, run_judge, run_worker

    house = House.build(settings)
    if part == "judge":
        register_judge(app, house.judge_frames)
        run_judge(app, warm_up=house.warm_up)
        return
    register_tasks(app, house.runner.run, house.sweep)
    run_worker(app, threads=2, warm_up=_nothing if settings.judges else house.warm_up)


def _nothing() -> None:
    """Warm nothing up: where judges run, the worker needs no models."""


def give_way(part: str) -> None:
    """Have a part that nobody waits for give way to those that somebody waits for, where all want the processor.

    A page waits for the web process, a learner before the camera for a judge, nobody for the worker.
    """
    os.nice(_GIVES_WAY.get(part, 0))


def keep_few_heaps() -> None:
    """Have the threads of this process share two heaps of the C library, unless MALLOC_ARENA_MAX says otherwise.

    glibc gives each thread one of its own, and each grows by and by to the most that any request took there: of seven
    MiB in ten minutes nothing was in use (seen in `./anxue acceptance memory`). Nothing is done where there is no
    glibc.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _HEAPS)


def _run_web(settings: Settings) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "bridge.app:from_environment",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.host,
        port=settings.port,
        workers=1,
        blocking_threads=settings.web_threads,
        backlog=1024,
        log_level=LogLevels.error,
        websockets=False,
        respawn_failed_workers=True,
    ).serve()
