"""`./anxue archive receiver-key | hand-over | take-over | open | receipt`: the hand-over of article 26."""

import json
import os
from pathlib import Path
from typing import Any

import click

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.json_line import print_json
from bridge.plugin_loader import load
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.handover_model import PartSeal, Receiver, ReceiverKind, read_receiver
from bridge.wiring.handover_pack import Order, pack
from bridge.wiring.handover_take import keep_receipt, take_in, unpack

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def handover_commands() -> list[click.Command]:
    """Return the commands, to stand in the group `archive`."""
    return [receiver_key, hand_over, take_over, open_package, receipt_command]


@click.command("receiver-key", help="接收方:生成解密私钥,并打印交给移交方的接收方文件(公钥)。")
@click.option("--name", required=True, help="接收方名称,写入清单和查看记录。")
@click.option(
    "--key", "path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="私钥写到哪里。"
)
@click.option("--without-bridge", is_flag=True, help="接收方没有安学桥(如考试机构):不含签回执的公钥。")
def receiver_key(name: str, path: Path, without_bridge: bool) -> None:
    """Write the private key, readable by its owner alone, and print the receiver's file."""
    seal = _seal()
    key = seal.new_key()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(key, file)
    signs = None
    if not without_bridge:
        house = House.build(Settings())
        try:
            signs = house.ledger_keys.signing().public
        finally:
            house.close()
    click.echo(json.dumps(Receiver(name, seal.public(key), signs).to_json(), ensure_ascii=False, indent=2))


@click.command(
    "hand-over", help="移交方:把一家机构的档案加密打包给接收方,写入 OUT,并打印清单编号和签名密钥。"
)
@click.option("--institution", required=True, help="机构编号。")
@click.option("--to", "receiver", required=True, type=_FILE, help="接收方文件(receiver-key 所打印)。")
@click.option(
    "--kind",
    type=click.Choice([one.value for one in ReceiverKind]),
    required=True,
    help="接收方是另一网络平台、培训机构,还是考试机构(只给档案文件)。",
)
@click.option("--class-run", "runs", multiple=True, help="只打包这些班次的档案文件;默认全部。")
@click.option("--purpose", required=True, help="移交事由,写入清单。")
@click.option("--by", required=True, help="经办人(人员编号)。")
@click.option("--approved-by", required=True, help="批准人(人员编号),不能与经办人相同。")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="空的目标目录。")
def hand_over(
    institution: str,
    receiver: Path,
    kind: str,
    runs: tuple[str, ...],
    purpose: str,
    by: str,
    approved_by: str,
    out: Path,
) -> None:
    """Pack, and print what the receiver must be told on another way."""
    order = Order(
        InstitutionId(institution),
        read_receiver(receiver.read_bytes()),
        ReceiverKind(kind),
        purpose,
        by,
        approved_by,
        tuple(ClassRunId(one) for one in runs),
    )
    house = House.build(Settings())
    try:
        signed = pack(house, order, out, _seal())
    finally:
        house.close()
    print_json(
        {
            "handover": signed.body["id"],
            "manifest_sha256": signed.sha256,
            "signed_by": signed.signed_by,
            "parts": len(signed.body["parts"]),
            "counts": signed.body["counts"],
        }
    )


@click.command("take-over", help="接收方:把移交包 DIR 导入本系统,核对后写下签名回执。")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--key", "path", required=True, type=_FILE, help="接收方私钥。")
@click.option("--sender", required=True, help="移交方用其他方式告知的签名密钥编号(signed_by)。")
@click.option("--by", required=True, help="经办人(人员编号)。")
@click.option(
    "--receipt",
    "out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="回执写到哪里,交回移交方。",
)
def take_over(folder: Path, path: Path, sender: str, by: str, out: Path) -> None:
    """Take the institution in and write the receipt."""
    house = House.build(Settings())
    try:
        receipt = take_in(house, folder, _seal(), _private(path), sender=sender, by=by)
    finally:
        house.close()
    out.write_bytes(receipt.to_bytes())
    print_json({"institution": receipt.body["institution"], "counts": receipt.body["counts"]})


@click.command("open", help="接收方没有安学桥时:核对并解密移交包 DIR,写入 OUT。")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--key", "path", required=True, type=_FILE, help="接收方私钥。")
@click.option("--sender", required=True, help="移交方用其他方式告知的签名密钥编号(signed_by)。")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="空的目标目录。")
def open_package(folder: Path, path: Path, sender: str, out: Path) -> None:
    """Write the package's files, in the clear."""
    signed = unpack(folder, out, _seal(), _private(path), sender)
    print_json({"handover": signed.body["id"], "counts": signed.body["counts"]})


@click.command("receipt", help="移交方:核对并保存接收方的回执 FILE。")
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--institution", required=True, help="机构编号。")
@click.option("--from", "receiver", required=True, type=_FILE, help="接收方文件(当时打包所用)。")
def receipt_command(file: Path, institution: str, receiver: Path) -> None:
    """Keep the receipt with the hand-over."""
    signs = read_receiver(receiver.read_bytes()).signs
    if signs is None:
        raise InvalidInput("receiver_signs_nothing", "接收方文件没有签回执的公钥。")
    house = House.build(Settings())
    try:
        kept = keep_receipt(house, InstitutionId(institution), file.read_bytes(), {signs.id: signs})
    finally:
        house.close()
    print_json({"handover": kept.body["handover"], "taken_at": kept.body["taken_at"]})


def _seal() -> PartSeal:
    seal: PartSeal = load("handover.jwe")()
    return seal


def _private(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidInput("receiver_key_malformed", "私钥文件不是可读的 JWK。") from error
    if not isinstance(found, dict):
        raise InvalidInput("receiver_key_malformed", "私钥文件不是可读的 JWK。")
    return found
