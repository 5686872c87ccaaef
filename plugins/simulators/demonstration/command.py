"""`./anxue demo`: one learner walks the whole road on made-up data, over real HTTP and real models."""

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.markup import escape

from bridge.settings import ROOT, Settings
from bridge.setup.assets import ensure_assets
from bridge.setup.servers import find_chromium
from plugins.simulators.demonstration import report
from plugins.simulators.demonstration.cast import read_cast
from plugins.simulators.demonstration.database import broker_url, own_database
from plugins.simulators.demonstration.http_walk import HttpWalk
from plugins.simulators.demonstration.processes import Town, fresh_folder
from plugins.simulators.demonstration.road import Road
from plugins.simulators.demonstration.steps import Journal, expect
from plugins.simulators.demonstration.walker import Walker

_CATALOGUE = ROOT / "config" / "demo"


@click.command("demo", help="演示全线:一名学员从学习平台走到监管回执(人物虚构,学习时间加速)。")
@click.option("--exit", "exit_", is_flag=True, help="走完即停止;不加则继续运行,直到 Ctrl-C。")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="把结果写入 DIR(可以已存在)。")
@click.option("--port", type=click.IntRange(1024, 65530), default=8080, help="三个端口中的第一个,默认 8080。")
@click.option(
    "--photo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="您自己的照片(JPEG 或 PNG):演示后可用自己的摄像头,以第二名学员的身份走一遍。",
)
def demo(exit_: bool, out: Path | None, port: int, photo: Path | None) -> None:
    """Walk the road; exit 1 if any step failed."""
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    journal = Journal(console)
    ensure_assets(progress=lambda line: console.print(f"[dim]{escape(line)}[/dim]"))
    folder = fresh_folder(Settings().var)
    interrupted = False
    with own_database(keep=not exit_) as database_url:
        town = Town(folder, port, _CATALOGUE, database_url, broker_url(), _photographs(folder, photo))
        try:
            road = _walk(town, journal, folder, out)
            console.print(_verdict(journal, time.monotonic() - started, folder))
            if road is not None and not exit_:
                _invite(console, road, own_photo=photo is not None)
                signal.pause()
        except KeyboardInterrupt:
            interrupted = True
        with journal.held(), journal.step("stop", "停止全部进程"):
            expect(town.stop(), f"有进程没有正常结束,日志见 {folder}")
    sys.exit(1 if journal.failed else 130 if interrupted and exit_ else 0)


def _walk(town: Town, journal: Journal, folder: Path, out: Path | None) -> Road | None:
    """Walk; return the road if the three processes stand, whether or not a later step failed."""
    cast = read_cast(_CATALOGUE)
    pictures = folder / "screenshots"
    road = None
    # A step that failed has said so; what comes after it rests on it.
    with journal.held(), ExitStack() as stack:
        with journal.step("start", "启动安学桥、学习平台(模拟器)、省级平台(模拟器)三个进程") as step:
            town.start()
            walker = stack.enter_context(_walker(pictures if out else None))
            ready = Road(town, walker, cast, journal, folder)
            loaded = town.load_catalogue()
            town.wait_until_ready(lambda _title: None)
            ready.prepare(loaded)
            for child in town.children():
                step.say(f"{child.title} {child.address}")
            step.say(f"走查方式:{walker.how}")
            step.say(f"学习时间加速 {town.study_factor} 倍,核验时恢复原速")
        road = ready
        road.walk()
        taken = folder / "out"
        with ThreadPoolExecutor(max_workers=1) as background:
            # The operator's command starts a process of its own; meanwhile the road goes on.
            export = background.submit(report.take_out, town, road, taken)
            road.look_from_outside()
            facts = report.require_files(journal, taken, export.result)
        report.check(town, road, journal, taken, facts)
        if out is not None:
            report.hand_over(taken, pictures, out, report.summary(facts, journal))
    return road


@contextmanager
def _walker(pictures: Path | None) -> Iterator[Walker]:
    executable = find_chromium()
    if executable is None:
        yield HttpWalk()
        return
    # Playwright is loaded only where there is something for it to drive.
    from plugins.simulators.demonstration.browser_walk import chromium

    with chromium(executable, pictures) as walker:
        yield walker


def _photographs(folder: Path, own: Path | None) -> str:
    """Return where the loader finds the ID photos; the second learner's may be the reader's own."""
    if own is None:
        return "demo"
    from plugins.presence.photographs import learner_id_photo

    photographs = folder / "photographs"
    photographs.mkdir(mode=0o700)
    (photographs / "learner.jpg").write_bytes(learner_id_photo())
    shutil.copyfile(own, photographs / f"second_learner{own.suffix.lower()}")
    return str(photographs)


def _verdict(journal: Journal, seconds: float, folder: Path) -> str:
    done, used = sum(step.done for step in journal.steps), f"用时 {seconds:.0f} 秒"
    if journal.failed:
        return f"[red]没有走完[/red]:{done} 步成功,{used}。日志:{escape(str(folder))}"
    return f"[green]全线走通[/green]:{done} 步,{used}。"


def _invite(console: Console, road: Road, *, own_photo: bool) -> None:
    second = road.cast.second_learner
    console.print("\n[bold]仍在运行,可以自己走一遍(Ctrl-C 停止):[/bold]")
    console.print(f"  学员:打开 {road.town.lms_url} ,选“{second.name}”,证件号 {second.citizen_id}")
    console.print(
        "  报名照片是您提供的照片,请用自己的摄像头登记人脸。"
        if own_photo
        else "  报名照片不是您本人,登记人脸时会被识别为他人;用 --photo 您的照片.jpg 启动,即可用自己的摄像头走完。",
        soft_wrap=True,
    )
    console.print(f"  机构与监管:打开 {road.town.bridge_url}/sign-in")
    for login, password in road.passwords.items():
        console.print(f"    账号 {login}  密码 {escape(password)}", soft_wrap=True)
    console.print(f"  省级平台(模拟器)收到的批次:{road.town.province_url}")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
