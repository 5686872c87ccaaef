"""`./anxue ledger …` and `./anxue verify`: check this bridge's ledgers, seal them, hand out proofs."""

import json
from datetime import datetime
from pathlib import Path

import click

from bridge.commands.house import opened_house
from bridge.completion.model import TITLES
from bridge.kernel.errors import BridgeError, InvalidInput
from bridge.kernel.ids import CourseId, InstitutionId
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.ledger.audit import Audited, audit, read_one_moment
from bridge.ledger.consistency import CheckedConsistency, check_consistency, is_consistency
from bridge.ledger.model.seals import SignedHead
from bridge.ledger.paper_proof import CheckedPaperProof, check_paper_proof, is_paper_proof
from bridge.ledger.proof import ProofInvalid
from bridge.ledger.signatures import PublicKey, read_public_keys
from bridge.registry.course_withdrawals import restore_course, withdraw_course
from bridge.wiring import House
from bridge.wiring.ledger_jobs import grown_institutions, seal_now, signed_heads
from bridge.wiring.ledger_proof import Verified, prove, prove_consistency, verify
from bridge.wiring.ledger_snapshots import snapshot_faults
from bridge.wiring.ledger_standing import institutions, review_standing

_FAULTS_SHOWN = 50
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("ledger", help="台账:校验、封存、出具和核对证据。")
def ledger() -> None:
    """Hold the commands together."""


@ledger.command("verify", help="核对库中全部台账的哈希链、树、树头和快照,指出每条被改动、删去或插入的记录。")
@click.option("--institution", metavar="ID", help="只核对这一家机构。")
@click.option(
    "--heads", "heads_file", metavar="FILE", type=_FILE, help="外部留存的树头(ledger heads 的输出)。"
)
@click.option("--keys", "keys_file", metavar="FILE", type=_FILE, help="外部留存的公钥(ledger keys 的输出)。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def verify_command(
    institution: str | None, heads_file: Path | None, keys_file: Path | None, as_json: bool
) -> None:
    """Print what was found; exit 1 if anything is not as it was written."""
    witnessed = [] if heads_file is None else read_heads(heads_file.read_bytes())
    with opened_house() as house:
        keys = None if keys_file is None else read_public_keys(keys_file.read_bytes())
        result = audited(house, keys, institution=institution, witnessed=witnessed)
    if as_json:
        print_json(result.to_json())
    else:
        _print(result)
    if result.faults:
        raise SystemExit(1)


@ledger.command("seal", help="立即封存尚未封存的台账记录(平时每五分钟自动进行)。")
def seal_command() -> None:
    """Seal every institution's ledger."""
    with opened_house() as house:
        for institution in grown_institutions(house):
            sealed = seal_now(house, institution)
            size = 0 if sealed.head is None else sealed.head.head.tree_size
            click.echo(f"{institution}:已封存,树现有 {size} 片叶。")
            for one in sealed.broken:
                click.echo(f"✗ {one.learner} {one.class_run} 第 {one.seq} 条:{one.reason}", err=True)


@ledger.command("heads", help="输出各机构已签名的树头(一行一个 JSON);请另行留存,供日后核对历史。")
@click.option("--institution", metavar="ID", help="只输出这一家机构。")
@click.option("--all", "everything", is_flag=True, help="输出全部树头,而不只是最新的。")
def heads_command(institution: str | None, everything: bool) -> None:
    """Print signed heads."""
    with opened_house() as house:
        for signed in signed_heads(house, institution, newest=not everything):
            print_json(signed.to_json())


@ledger.command("keys", help="输出签名公钥(JWKS,含已停用的);核对证据的人只需要它。")
@click.option("--rotate", is_flag=True, help="先换一把新钥匙;旧的私钥随即销毁,公钥保留。")
@click.option("--institution", metavar="ID", help="另含这家机构移交来时原平台的公钥(只对该机构有效)。")
def keys_command(rotate: bool, institution: str | None) -> None:
    """Print the public keys; make the first one if there is none."""
    with opened_house() as house:
        if rotate:
            made = house.ledger_keys.rotate()
            click.echo(f"新钥匙 {made.id} 已启用,请公布新的公钥文件。", err=True)
        else:
            house.ledger_keys.signing()
        for one in house.ledger_keys.known():
            until = "至今" if one.signed_until is None else f"至 {rfc3339(one.signed_until)}"
            click.echo(f"{one.public.id}:{rfc3339(one.made_at)} {until}", err=True)
        click.echo(json.dumps(house.ledger_keys.jwks(institution), ensure_ascii=False, indent=2))


@ledger.command("consistency", help="证明机构的树从 OLD 片叶到最新只有追加;写入 FILE,可离线核对。")
@click.option("--institution", required=True, metavar="ID", help="机构编号。")
@click.option("--old", required=True, type=click.IntRange(1), help="以前留存的树头的叶数(tree_size)。")
@click.option("--out", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def consistency_command(institution: str, old: int, out: Path) -> None:
    """Write the proof; `anxue verify` checks it."""
    with opened_house() as house:
        out.write_bytes(prove_consistency(house, InstitutionId(institution), old))
    click.echo(f"已写入 {out}。核对:anxue verify {out} --key 公钥文件")


@ledger.command("prove", help="把证明 CERT_NUMBER 的全部台账记录、包含证据和签名树头写入 FILE,可离线核对。")
@click.argument("number", metavar="CERT_NUMBER")
@click.option("--out", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def prove_command(number: str, out: Path) -> None:
    """Write the proof; anybody checks it with `anxue verify` and the public key."""
    with opened_house() as house:
        content = prove(house, number)
    out.write_bytes(content)
    click.echo(f"已写入 {out}({len(content)} 字节)。核对:anxue verify {out} --key 公钥文件")


@ledger.command(
    "standing", help="核对登记和课程状态:冻结有机构过失的学习时间,放开已补办的(平时每小时自动进行)。"
)
def standing_command() -> None:
    """Review every institution."""
    with opened_house() as house:
        for institution in institutions(house):
            made = review_standing(house, institution)
            click.echo(f"{institution}:新冻结 {made.frozen} 人天,放开 {made.released} 人天。")


@ledger.command("withdraw-course", help="登记课程 COURSE 已下架:自该日起的学习时间冻结,直到恢复。")
@click.argument("course", metavar="COURSE")
@click.option("--institution", required=True, metavar="ID", help="课程所属机构。")
@click.option("--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="下架之日(北京时间)。")
@click.option("--by", required=True, metavar="WHO", help="登记人(工作人员编号,不写姓名)。")
def withdraw_command(course: str, institution: str, since: datetime, by: str) -> None:
    """Note it, and freeze at once."""
    with opened_house() as house:
        with house.uow.for_institution(InstitutionId(institution)) as tx:
            withdraw_course(tx, CourseId(course), since.date(), by)
        made = review_standing(house, InstitutionId(institution))
        click.echo(f"已登记下架,冻结 {made.frozen} 人天。")


@ledger.command("restore-course", help="登记课程 COURSE 已恢复:下架期间冻结的学习时间重新计入。")
@click.argument("course", metavar="COURSE")
@click.option("--institution", required=True, metavar="ID", help="课程所属机构。")
@click.option("--by", required=True, metavar="WHO", help="登记人(工作人员编号,不写姓名)。")
def restore_command(course: str, institution: str, by: str) -> None:
    """Note it, and release at once."""
    with opened_house() as house:
        with house.uow.for_institution(InstitutionId(institution)) as tx:
            restore_course(tx, CourseId(course), by)
        made = review_standing(house, InstitutionId(institution))
        click.echo(f"已登记恢复,放开 {made.released} 人天。")


@click.command(
    "verify",
    help="离线核对证明的 PDF,或证据文件(ledger prove 的输出、查验页下载的证据);完整证据按其规则包重算学时。",
)
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--key", "key_file", metavar="PUBLIC", type=_FILE, help="安学桥的公钥(JWK、JWKS 或 PEM)。")
@click.option(
    "--packs",
    "dirs",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="台账所用规则包的目录(可多次使用);默认使用随附的规则包。",
)
@click.option("--proof", metavar="PROOF", type=_FILE, help="与 PDF 一起核对的证据文件。")
@click.option(
    "--roots", "roots_file", metavar="PEM", type=_FILE, help="签章所依据的根证书(anxue papers roots 的输出)。"
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def verify_proof(
    file: Path,
    key_file: Path | None,
    dirs: tuple[Path, ...],
    proof: Path | None,
    roots_file: Path | None,
    as_json: bool,
) -> None:
    """Print what the file proves; exit 1, naming the place, if it does not hold. Needs no database."""
    try:
        keys = None if key_file is None else read_public_keys(key_file.read_bytes())
        content = file.read_bytes()
        if content.startswith(b"%PDF-"):
            from bridge.commands.papers import verify_pdf  # pyHanko takes a second to load

            verify_pdf(content, keys=keys, proof=proof, roots_file=roots_file, as_json=as_json)
            return
        if is_paper_proof(content):
            _show_paper_proof(check_paper_proof(content, keys), as_json)
            return
        if is_consistency(content):
            _show_consistency(check_consistency(content, keys or {}), as_json)
            return
        found = verify(content, keys, dirs)
    except BridgeError as error:
        if as_json:
            place = error.place if isinstance(error, ProofInvalid) else None
            refusal = {"valid": False, "reason": error.reason, "place": place, "message": error.message}
            print_json(refusal)
        click.echo(f"✗ {error.message}({error.reason})", err=True)
        raise SystemExit(1) from error
    if as_json:
        print_json(found.to_json())
    else:
        _print_proof(found)
    if key_file is None:
        click.echo(
            f"! 没有给出公钥:只说明文件完整,不说明由谁出具。请向出具方核对公钥 {found.proof.head.head.key},"
            "或用 --key 指出公钥文件。",
            err=True,
        )


def audited(
    house: House,
    keys: dict[str, PublicKey] | None,
    *,
    institution: str | None = None,
    witnessed: list[SignedHead] | None = None,
) -> Audited:
    """Return what is wrong with the ledgers of a house.

    Args:
        keys: kept outside, and then the only ones that count; None for those that the bridge knows.
    """
    taken = house.ledger_keys.taken() if keys is None else None
    if keys is None:
        keys = {one.public.id: one.public for one in house.ledger_keys.known()}
    with house.uow.across_institutions("verify all ledgers", read_only=True) as tx:
        read_one_moment(tx)
        result = audit(
            tx, house.ledger_marks, keys, institution=institution, witnessed=witnessed or [], taken=taken
        )
    result.faults += snapshot_faults(house, institution)
    return result


def read_heads(content: bytes) -> list[SignedHead]:
    """Return the heads of a file, one JSON object a line; InvalidInput("heads_malformed")."""
    try:
        return [SignedHead.from_json(json.loads(line)) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError, InvalidInput) as error:
        raise InvalidInput(
            "heads_malformed", "树头文件应为 anxue ledger heads 的输出,一行一个 JSON 对象。"
        ) from error


def _print(result: Audited) -> None:
    click.echo(
        f"核对了 {result.institutions} 家机构、{result.chains} 条链、{result.entries} 条记录"
        f"(其中 {result.unsealed} 条尚未封存)、{result.leaves} 片叶、{result.heads} 个树头。"
    )
    for fault in result.faults[:_FAULTS_SHOWN]:
        click.echo(f"✗ {fault.sentence_zh}({fault.code})", err=True)
    if len(result.faults) > _FAULTS_SHOWN:
        click.echo(f"… 另有 {len(result.faults) - _FAULTS_SHOWN} 处,用 --json 查看全部。", err=True)
    if not result.faults:
        click.echo("✓ 全部台账与写入时一致。")


def _show_consistency(found: CheckedConsistency, as_json: bool) -> None:
    if as_json:
        print_json(found.to_json())
        return
    old, new = found.old.head, found.new.head
    click.echo(f"✓ 机构 {new.institution} 的台账树从 {old.tree_size} 片叶到 {new.tree_size} 片叶只有追加。")


def _show_paper_proof(found: CheckedPaperProof, as_json: bool) -> None:
    if as_json:
        print_json(found.to_json())
        return
    said, head = found.statement, found.head.head
    click.echo(
        f"✓ {TITLES.get(said['paper'], said['paper'])} {said['number']}({said['status']},{said['stated_at']})"
    )
    click.echo(f"  证明文件 SHA-256 {said['sha256']}")
    click.echo(f"✓ 台账末端 {said['ledger_head']} 在 {head.tree_size} 片叶的树中,根 {head.root}")
    if not found.key_given:
        click.echo(
            f"! 没有给出公钥:只说明文件完整,不说明由谁出具。请核对公钥 {head.key} 或用 --key。", err=True
        )


def _print_proof(found: Verified) -> None:
    said, head = found.proof.statement, found.proof.head.head
    hours = found.recomputed.hours
    title = TITLES.get(said["paper"], said["paper"])
    click.echo(f"✓ {title} {said['number']}({said['status']}),{said['issued_at']} 出具")
    click.echo(f"  机构 {said['institution']},学员 {said['learner']},班次 {said['class_run']}")
    click.echo(f"  证明文件 SHA-256 {said['sha256']}")
    click.echo(f"✓ {found.proof.entries} 条台账记录,末端 {said['ledger_head']}")
    click.echo(f"✓ 全部在 {head.tree_size} 片叶的树中,根 {head.root},{head.to_json()['at']} 签名")
    for pack in found.recomputed.sheet.packs:
        click.echo(f"  规则包 {pack.id} sha256:{pack.content_hash}")
    click.echo(
        f"✓ 重算:计入 {found.recomputed.seconds.credited_seconds} 秒,"
        f"线上 {hours.online_share.value} 学时,线下 {hours.offline_class_hours} 学时,与证明一致。"
    )
