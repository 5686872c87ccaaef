"""`./anxue feed …`: where the reports to the regulator stand, and what an operator does about them."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from bridge.commands.house import opened_house
from bridge.kernel.ids import InstitutionId
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.model import WITHDRAWAL_REASONS, RecordKind
from bridge.wiring import feed_desk
from bridge.wiring.house.regulator import batch_signer


def _of_institution(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--institution", required=True, help="机构编号。")(command)


def _of_person(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--by", required=True, help="操作人(写入记录)。")(command)


def _day(value: datetime) -> date:
    return value.date()


@click.group("feed", help="向省级监管平台报送:状况、试算、更正、重发、对账、证据。")
def feed() -> None:
    """Hold the commands together."""


@feed.command("status", help="报送通道、批次和记录的状况。")
@_of_institution
def status(institution: str) -> None:
    """Print the door, the counts and what waits for people."""
    with opened_house() as house:
        with house.uow.across_institutions("see the regulator's door", read_only=True) as tx:
            door = SqlDoorStore(tx).door()
        maintenance = house.feed_rules.maintenance_until(house.clock.now())
        said: dict[str, Any] = {
            "regulator": house.settings.regulator_url or None,
            "circuit": door.circuit.value,
            "reason": door.reason,
            "until": None if door.until is None else rfc3339(door.until),
            "maintenance_until": None if maintenance is None else rfc3339(maintenance),
            **feed_desk.states(house, InstitutionId(institution)),
        }
    print_json(said)


@feed.command("key", help="签名公钥的 SHA-256,用于在监管平台登记。")
def key() -> None:
    """Print the algorithm and the hash of the public key."""
    with opened_house() as house:
        signer = batch_signer(house)
    print_json({"algorithm": signer.algorithm, "key_sha256": signer.key_sha256})


@feed.command("dry-run", help="把待报记录编成批次看一看(XML 和 JSON),不保存、不发送;含个人信息。")
@_of_institution
@click.option("--division", required=True, help="地市代码。")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="目标目录。")
def dry_run(institution: str, division: str, out: Path) -> None:
    """Write batch.xml and batch.json and print what the gate would hold back."""
    with opened_house() as house, house.uow.for_institution(InstitutionId(institution)) as tx:
        xml, json, faults = house.at(tx).reporting.try_out(division)
    out.mkdir(parents=True, exist_ok=True)
    (out / "batch.xml").write_bytes(xml)
    (out / "batch.json").write_bytes(json)
    print_json({"held": [{"record": one.number, "line": one.line, "why": one.sentence_zh} for one in faults]})


@feed.command("nightly", help="一个地市一天的汇总(各批次之和);含个人信息。")
@_of_institution
@click.option("--division", required=True, help="地市代码。")
@click.option("--day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="日期(北京时间)。")
@click.option("--recipient", required=True, help="交给谁(写入查看记录)。")
@_of_person
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="目标文件。")
def nightly(institution: str, division: str, day: datetime, recipient: str, by: str, out: Path) -> None:
    """Write the form."""
    with opened_house() as house, out.open("wb") as file:
        count = feed_desk.nightly_form(
            house, InstitutionId(institution), division, _day(day), file, recipient=recipient, by=by
        )
    print_json({"records": count, "file": str(out)})


@feed.command("bundle", help="一次报送的证据包(ZIP);含个人信息。")
@_of_institution
@click.argument("batch")
@click.option("--recipient", required=True, help="交给谁(写入查看记录)。")
@_of_person
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="目标文件。")
def bundle(institution: str, batch: str, recipient: str, by: str, out: Path) -> None:
    """Write the bundle."""
    with opened_house() as house:
        out.write_bytes(
            feed_desk.evidence_bundle(house, InstitutionId(institution), batch, recipient=recipient, by=by)
        )
    print_json({"file": str(out)})


@feed.command("correct", help="更正后重报:不写编号时,重报全部被退回或拦下的记录。")
@_of_institution
@_of_person
@click.option("--kind", type=click.Choice([one.value for one in RecordKind]), help="记录种类。")
@click.option("--number", help="记录编号。")
def correct(institution: str, by: str, kind: str | None, number: str | None) -> None:
    """Queue new revisions."""
    with opened_house() as house:
        owner = InstitutionId(institution)
        if kind and number:
            count = feed_desk.correct(house, owner, RecordKind(kind), number, by)
        else:
            count = feed_desk.correct_all(house, owner, by)
    print_json({"queued": count})


@feed.command("withdraw", help="撤回一条已报送的记录。")
@_of_institution
@_of_person
@click.option(
    "--kind", type=click.Choice([one.value for one in RecordKind]), required=True, help="记录种类。"
)
@click.option("--number", required=True, help="记录编号。")
@click.option("--reason", type=click.Choice(list(WITHDRAWAL_REASONS)), required=True, help="原因。")
def withdraw(institution: str, by: str, kind: str, number: str, reason: str) -> None:
    """Queue the withdrawal."""
    with opened_house() as house:
        feed_desk.withdraw(house, InstitutionId(institution), RecordKind(kind), number, reason, by)
    print_json({"queued": 1})


@feed.command("replay", help="重发停发的批次并恢复通道:不写批次号时,重发全部。")
@_of_institution
@_of_person
@click.argument("batch", required=False)
def replay(institution: str, by: str, batch: str | None) -> None:
    """Send again."""
    with opened_house() as house:
        if batch:
            feed_desk.send_again(house, InstitutionId(institution), batch, by)
            count = 1
        else:
            count = feed_desk.send_all_again(house, InstitutionId(institution), by)
    print_json({"batches": count})


@feed.command("reconcile", help="与监管平台核对一天的记录(条数、摘要、逐条差异)。")
@_of_institution
@_of_person
@click.option("--division", required=True, help="地市代码。")
@click.option("--day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="日期(北京时间)。")
def reconcile(institution: str, by: str, division: str, day: datetime) -> None:
    """Compare and print; the differences stand on the page too."""
    with opened_house() as house:
        found = feed_desk.reconcile_day(house, InstitutionId(institution), division, _day(day), by)
    print_json(
        {
            "agrees": found.agrees,
            "ours": found.our_count,
            "theirs": found.their_count,
            "failure": found.failure,
            "differences": list(found.differences),
        }
    )
