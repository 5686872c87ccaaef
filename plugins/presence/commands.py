"""`./anxue face …`: the face engine from the command line."""

import json
from pathlib import Path

import click

from bridge.kernel.errors import BridgeError
from bridge.setup.assets import ensure_assets

_PACK = click.option(
    "--pack", "pack_id", default="default", show_default=True, help="模型包名称,或自备模型包目录的绝对路径。"
)
_ASSETS = click.option(
    "--assets", type=click.Path(path_type=Path, file_okay=False), default=None,
    help="模型文件所在目录(其下有 face/);默认 var/assets。",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="只向标准输出打印一行 JSON。")


@click.group("face")
def face() -> None:
    """人脸引擎:测量与检查。"""


@face.command("evaluate")
@click.option(
    "--pairs", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=True,
    help="CSV 文件,首行 file_a,file_b,same;same 取 1/0/true/false。",
)  # fmt: skip
@click.option(
    "--images", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True,
    help="图片目录;CSV 中的文件名相对于它(JPEG 或 PNG)。",
)  # fmt: skip
@_PACK
@_ASSETS
@_JSON
def evaluate_command(pairs: Path, images: Path, pack_id: str, assets: Path | None, as_json: bool) -> None:
    """在成对照片上测量错误率:eer、fmr、fnmr 为 0–1 的比例,其余为个数。"""
    from plugins.presence.engines import open_engine
    from plugins.presence.evaluate import evaluate, read_pairs

    try:
        wanted = read_pairs(pairs)
        engine = open_engine(assets or ensure_assets(), pack_id)
        rates = evaluate(engine, wanted, images, _show_progress)
    except BridgeError as error:
        raise click.ClickException(f"{error.message}({error.reason})") from error
    if as_json:
        click.echo(json.dumps(rates.as_json(), ensure_ascii=False))
        return
    for name, value in rates.as_json().items():
        click.echo(f"{name:20} {value}")


@face.command("movements")
@click.option(
    "--images", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True,
    help="图片目录,每人一个子目录,每人至少两张(JPEG 或 PNG)。",
)  # fmt: skip
@_PACK
@_ASSETS
@_JSON
def movements_command(images: Path, pack_id: str, assets: Path | None, as_json: bool) -> None:
    """测量事先存下的照片能否冒充核验时的动作:每种做法试了几次、通过几次。"""
    from plugins.presence import movement_bench
    from plugins.presence.engines import open_engine

    try:
        engine = open_engine(assets or ensure_assets(), pack_id)
        found = movement_bench.measure_movements(engine, images, lambda title: click.echo(title, err=True))
    except BridgeError as error:
        raise click.ClickException(f"{error.message}({error.reason})") from error
    if as_json:
        click.echo(json.dumps(movement_bench.as_json(found), ensure_ascii=False))
        return
    for one in found:
        seen = ", ".join(f"{name} {times}" for name, times in one.found.items())
        click.echo(
            f"{one.shown:72} {one.move:10} n={one.n:4}  met {one.met:4}"
            f"  (any place {one.met_any_place:4})  {seen}"
        )


@face.command("spread")
@click.option(
    "--images", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True,
    help="图片目录,每人一个子目录,每人至少三张(JPEG 或 PNG)。",
)  # fmt: skip
@_PACK
@_ASSETS
@_JSON
def spread_command(images: Path, pack_id: str, assets: Path | None, as_json: bool) -> None:
    """测量同一人各张照片之间、不同人之间的特征得分;性能测量 face-search 按它合成人员。"""
    from plugins.presence.engines import open_engine
    from plugins.presence.spread import measure_spread

    try:
        engine = open_engine(assets or ensure_assets(), pack_id)
        found = measure_spread(engine, images, _show_progress).as_json()
    except BridgeError as error:
        raise click.ClickException(f"{error.message}({error.reason})") from error
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        parts = value if isinstance(value, dict) else {"": value}
        click.echo(f"{name:20} " + "  ".join(f"{part} {number}".strip() for part, number in parts.items()))


@face.command("spoof-check")
@click.option(
    "--images", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True,
    help="图片目录(JPEG 或 PNG)。",
)  # fmt: skip
@_PACK
@_ASSETS
@_JSON
def spoof_check_command(images: Path, pack_id: str, assets: Path | None, as_json: bool) -> None:
    """逐张给出活体得分与判断:live 真人,suspected_spoof 疑似翻拍照片或屏幕,其余为需要再拍一张。"""
    from plugins.presence.engines import open_engine
    from plugins.presence.spoof_check import check_pictures, pictures_in, report

    try:
        files = pictures_in(images)
        engine = open_engine(assets or ensure_assets(), pack_id)
        found = report(engine.pack, check_pictures(engine, files))
    except BridgeError as error:
        raise click.ClickException(f"{error.message}({error.reason})") from error
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for each in found["files"]:
        score = "-" if each["score"] is None else f"{each['score']:.4f}"
        click.echo(f"{each['file']:30} {score:>7} {each['verdict']}")
    click.echo(found["note"])


def _show_progress(done: int, total: int) -> None:
    if done % 25 == 0 or done == total:
        click.echo(f"已处理 {done}/{total} 张图片", err=True)
