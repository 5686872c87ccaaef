"""`./anxue privacy keys …` and `privacy receipts …`: the master key, and what was destroyed."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bridge.db.destroyed_list import receipt_of
from bridge.db.destruction import REASONS, receipts_after
from bridge.db.file_master_key import FileMasterKey
from bridge.db.key_ring import root_is_under
from bridge.db.key_rotation import keys_under, retire, rotate
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.json_line import failures_told, print_json
from bridge.ledger.signatures import PublicKey, read_public_keys
from bridge.privacy.receipts import check_receipts
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.destroyed_again import reapply
from bridge.wiring.keys import KEYS

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
_WHY = "receipts of destroyed keys, for the operator"


@click.group("keys", help="主密钥:状态、轮换、移除旧密钥;恢复备份后重新销毁。")
def keys() -> None:
    """Hold the commands together."""


@keys.command("status", help="主密钥在哪里、用什么算法,各有多少密钥由它包裹。")
@_JSON
def status_command(as_json: bool) -> None:
    """Print what is known; the list of destroyed keys too."""
    with failures_told(as_json), _house() as house:
        told = _status(house)
    if as_json:
        print_json(told)
        return
    click.echo(f"主密钥:{told['holder']} {told['id']}({told['algorithm']});新内容的加密算法:{told['cipher']}")
    for under, number in told["data_keys"].items():
        mark = "当前" if under == told["id"] else "待轮换" if under else "旧版方式,待轮换"
        click.echo(f"数据密钥:{number} 把由 {under or '根密钥'} 包裹({mark})")
    click.echo(
        f"根密钥由 {told['root_under'] or '最初的主密钥文件'} 包裹"
        + (";轮换未完成" if told["rotating"] else "")
    )
    if told["older"]:
        click.echo(f"保留的旧主密钥:{'、'.join(told['older'])}(不再需要更早的备份后,用 keys retire 移除)")
    click.echo(f"已销毁密钥清单:{told['list']}")


@keys.command("rotate", help="换一把主密钥:逐把重新包裹数据密钥,不动内容;中断后再运行即继续。")
@_JSON
def rotate_command(as_json: bool) -> None:
    """Rotate, or go on with it."""

    def tell(done: int) -> None:
        sys.stderr.write(f"已重新包裹 {done} 把\n")

    with failures_told(as_json), _house() as house:
        current = rotate(house.key_ring, _folder(house), house.uow, tell)
        told = _status(house)
    if as_json:
        print_json({**told, "ok": True})
    else:
        click.echo(f"轮换完成,当前主密钥 {current}。请马上备份新的主密钥文件;旧密钥仍保留,供更早的备份使用。")


@keys.command("retire", help="从本机移除旧主密钥 KEY;更早的备份从此无法读取,其中已销毁的内容也是。")
@click.argument("key_id", metavar="KEY")
@click.option("--yes", is_flag=True, required=True, help="确认:移除后不能恢复。")
def retire_command(key_id: str, yes: bool) -> None:
    """Remove an earlier key."""
    with failures_told(False), _house() as house:
        retire(house.key_ring, _folder(house), house.uow, key_id)
    click.echo("已移除。由它包裹的备份从此无法读取。")


@keys.command("reapply", help="恢复备份后运行:把备份之后已销毁的密钥重新销毁,完成前安学桥拒绝启动。")
@click.option("--list", "list_file", type=_FILE, metavar="FILE", help="另处保存的清单;默认用本机的清单。")
@_JSON
def reapply_command(list_file: Path | None, as_json: bool) -> None:
    """Destroy again what a backup brought back; exit 1 if a line could not be used."""
    with failures_told(as_json), _house(check=False) as house:
        done = reapply(house, list_file)
    if as_json:
        print_json({"destroyed": done.destroyed, "absent": done.absent, "refused": done.refused})
    else:
        click.echo(f"重新销毁 {done.destroyed} 把密钥;{done.absent} 把本来就不在备份中或已销毁。")
        if done.refused:
            click.echo(f"{done.refused} 行无法识别或不是本系统写的,没有处理。", err=True)
    if done.refused:
        raise SystemExit(1)


@click.group("receipts", help="密钥销毁回执:列出、核对。")
def receipts() -> None:
    """Hold the commands together."""


@receipts.command("list", help="列出销毁回执;加 --json 每行一份,可存为文件交给他人核对。")
@click.option("--institution", metavar="ID", help="只列这一家机构。")
@click.option("--subject", metavar="ID", help="只列这一位(学员编号或名单行编号)。")
@click.option("--json", "as_json", is_flag=True, help="每行输出一份 JSON。")
def list_command(institution: str | None, subject: str | None, as_json: bool) -> None:
    """Print the receipts, oldest first."""
    with failures_told(False), _house() as house, house.uow.across_institutions(_WHY, read_only=True) as tx:
        for row in receipts_after(tx.session, 0):
            receipt = receipt_of(row)
            if institution not in (None, row.institution_id) or subject not in (
                None,
                receipt.body["subject"],
            ):
                continue
            if as_json:
                print_json(receipt.to_json())
                continue
            body = receipt.body
            why = REASONS.get(body["reason"], body["reason"])
            click.echo(
                f"{body['number']}  {body['destroyed_at']}  {body['subject']}  {body['purpose']}"
                f"  {body['class_run'] or '-'}  {body['pieces']} 件  {why}"
            )


@receipts.command("verify", help="核对回执文件(receipts list --json 的输出):签名、内容、前后相接。")
@click.argument("file", type=_FILE)
@click.option(
    "--keys", "keys_file", type=_FILE, metavar="FILE", help="公钥(ledger keys 的输出);默认用本机的。"
)
@_JSON
def verify_command(file: Path, keys_file: Path | None, as_json: bool) -> None:
    """Print what is wrong; exit 1 if anything is."""
    with failures_told(as_json):
        given = _read(file.read_text(encoding="utf-8"))
        found = check_receipts(given, _public_keys(keys_file))
    if as_json:
        print_json({"ok": not found, "receipts": len(given), "faults": [one.to_json() for one in found]})
    else:
        click.echo(
            f"共 {len(given)} 份回执," + ("签名和内容都相符。" if not found else f"{len(found)} 处不符。")
        )
        for one in found:
            click.echo(f"✗ 第 {one.line} 行:{one.message}", err=True)
    if found:
        raise SystemExit(1)


def _public_keys(file: Path | None) -> dict[str, PublicKey]:
    if file is not None:
        return read_public_keys(file.read_bytes())
    with _house() as house:
        return {one.public.id: one.public for one in house.ledger_keys.known()}


def _read(text: str) -> list[dict[str, Any]]:
    try:
        given = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise InvalidInput("receipts_malformed", "回执文件应为每行一个 JSON 对象。") from error
    if not given or not all(isinstance(one, dict) for one in given):
        raise InvalidInput("receipts_malformed", "回执文件应为每行一个 JSON 对象,至少一行。")
    return given


def _status(house: House) -> dict[str, Any]:
    facts = house.key_ring.describe()
    master = house.key_ring.master
    return {
        "holder": facts.holder,
        "id": facts.id,
        "algorithm": facts.algorithm,
        "cipher": house.key_ring.algorithm.value,
        "older": list(facts.older),
        "data_keys": keys_under(house.uow),
        "root_under": root_is_under(_folder(house)),
        "rotating": isinstance(master, FileMasterKey) and master.is_rotating,
        "list": str(house.destroyed.path),
    }


def _folder(house: House) -> Path:
    return house.settings.data_dir / KEYS


@contextmanager
def _house(*, check: bool = True) -> Iterator[House]:
    settings = Settings()
    if not (settings.data_dir / KEYS).exists():
        raise Unavailable(
            "data_folder", f"没有数据目录 {settings.data_dir},请检查 ANXUE_DATA。", permanent=True
        )
    house = House.build(settings) if check else House(settings)
    try:
        yield house
    finally:
        house.close()
