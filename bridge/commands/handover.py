"""`./anxue archive leave | receiver-key | hand-over | take-over | open | receipt`: the hand-over of article 26."""

import json
import os
from pathlib import Path
from typing import Any

import click

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.plugin_loader import load
from bridge.registry.leaving import Leavings
from bridge.registry.leaving_model import Leaving
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.handover_model import PartSeal, Receiver, ReceiverKind, read_receiver
from bridge.wiring.handover_pack import Order, pack
from bridge.wiring.handover_receipt import changed_since, keep_receipt
from bridge.wiring.handover_take import take_in, unpack
from bridge.wiring.leaving import take_step

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def handover_commands() -> list[click.Command]:
    """Return the commands, to stand in the group `archive`."""
    return [leave, receiver_key, hand_over, take_over, open_package, receipt_command]


_STEPS = {
    "announce": Leaving.ANNOUNCED,
    "freeze": Leaving.FROZEN,
    "take-back": Leaving.TAKEN_BACK,
    "end": Leaving.ENDED,
}


@click.command(
    "leave",
    help="移交方:机构的移交步骤。announce 宣布,freeze 停止授课,take-back 撤回(收到接收回执之前),"
    "end 终止(收到回执之后);不写步骤则列出已有步骤。每一步由两人作出。",
)
@click.argument("step", type=click.Choice(list(_STEPS)), required=False)
@click.option("--institution", required=True, help="机构编号。")
@click.option("--reason", default="", help="事由。")
@click.option("--by", default="", help="经办人(登录账号)。")
@click.option("--approved-by", default="", help="批准人(登录账号),不能与经办人相同。")
def leave(step: str | None, institution: str, reason: str, by: str, approved_by: str) -> None:
    """Take a step, or list those that were taken."""
    house = House.build(Settings())
    try:
        if step is not None:
            take_step(
                house,
                InstitutionId(institution),
                _STEPS[step],
                reason=reason,
                by=by,
                approved_by=approved_by,
            )
        with house.uow.for_institution(InstitutionId(institution), read_only=True) as tx:
            found = Leavings(tx, house.clock).all()
    finally:
        house.close()
    for one in found:
        print_json({"step": one.step.value, "at": rfc3339(one.at), "reason": one.reason})


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
@click.option("--by", required=True, help="经办人(登录账号)。")
@click.option("--approved-by", required=True, help="批准人(登录账号),不能与经办人相同。")
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
@click.option("--by", required=True, help="经办人(登录账号,接收方的管理人员)。")
@click.option("--operator-name", default="", help="接收方网络平台的名称,此后印在证明上;默认为平台代码。")
@click.option(
    "--receipt",
    "out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="回执写到哪里,交回移交方。",
)
def take_over(folder: Path, path: Path, sender: str, by: str, operator_name: str, out: Path) -> None:
    """Take the institution in and write the receipt."""
    house = House.build(Settings())
    try:
        receipt = take_in(
            house, folder, _seal(), _private(path), sender=sender, by=by, operator_name=operator_name
        )
    finally:
        house.close()
    out.write_bytes(receipt.to_bytes())
    print_json(
        {
            "institution": receipt.body["institution"],
            "counts": receipt.body["counts"],
            "left_out": receipt.body["left_out"],
        }
    )


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
        changed = changed_since(house, InstitutionId(institution), kept.body["handover"])
    finally:
        house.close()
    if changed:
        click.echo(f"! 打包之后本系统又有变化,未随包移交:{'、'.join(changed)}。", err=True)
    print_json(
        {
            "handover": kept.body["handover"],
            "taken_at": kept.body["taken_at"],
            "left_out": kept.body["left_out"],
            "changed_since": changed,
        }
    )


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
