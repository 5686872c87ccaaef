"""`./anxue papers …`: who seals papers, an institution's template; and `./anxue verify` for a PDF."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bridge.commands.paper_numbers import numbers
from bridge.completion.model import PaperKind
from bridge.completion.seal_model import FIELD_LABELS, SealField, SealState, SignatureFound, SignaturesFound
from bridge.completion.template_tables import SqlPaperTemplates
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import BridgeError, InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.json_line import print_json
from bridge.kernel.time import LEGAL_ZONE, rfc3339
from bridge.ledger.paper_proof import check_paper_proof, is_paper_proof
from bridge.ledger.proof import check_proof
from bridge.ledger.signatures import PublicKey
from bridge.plugin_loader import load
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.paper_seals import certificates_of, roots
from bridge.wiring.paper_specimen import specimen_paper

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SAID = {
    SealState.GOOD: "✓ 电子签章有效,签章后文件没有改动。",
    SealState.UNKNOWN: "! 签章后文件没有改动,但没有给出(或不是)签章所依据的根证书;请用 --roots 指出。",
    SealState.BROKEN: "✗ 电子签章已失效:文件在签章之后被改动过。",
    SealState.NONE: "✗ 文件没有电子签章。",
}


@click.group("papers", help="证明:签章证书、机构的证明版式与编号规则。")
def papers() -> None:
    """Hold the commands together."""


papers.add_command(numbers)


@papers.command("roots", help="输出查验签章所依据的根证书(PEM);交给离线核对证明的人。")
def roots_command() -> None:
    """Print the root certificates."""
    with _house() as house:
        click.echo("".join(roots(house)), nl=False)


@papers.command("template", help="用 typst 版式 FILE 排印机构的证明;先检查各项内容是否都印出。")
@click.argument("file", metavar="FILE", type=_FILE, required=False)
@click.option("--institution", required=True, metavar="ID", help="机构编号。")
@click.option("--show", is_flag=True, help="输出现用的版式;没有自己的版式时输出随附的。")
@click.option("--remove", is_flag=True, help="改回随附的版式。")
def template_command(file: Path | None, institution: str, *, show: bool, remove: bool) -> None:
    """Set, show or remove an institution's template."""
    with _house() as house:
        owner = InstitutionId(institution)
        with house.uow.for_institution(owner, read_only=True) as tx:
            found = house.at(tx).registry_store.institution()
            now = SqlPaperTemplates(tx).source()
        if found is None:
            raise InvalidInput("institution_unknown", "没有这家机构,请核对编号。", http_status=404)
        if show:
            click.echo(now or load("printer.template"), nl=False)
            return
        if remove:
            with house.uow.for_institution(owner) as tx:
                SqlPaperTemplates(tx).remove()
            click.echo("已改回随附的版式。")
            return
        if file is None:
            raise click.UsageError("请给出版式文件,或使用 --show、--remove。")
        source = file.read_text(encoding="utf-8")
        specimens = [
            specimen_paper(house, kind, found.name, found.uscc, found.operator_name) for kind in PaperKind
        ]
        load("printer.template_check")(house.printer, source, specimens)
        with house.uow.for_institution(owner) as tx:
            digest = SqlPaperTemplates(tx).set(source, house.clock.now())
        click.echo(f"已启用,版式 SHA-256 {digest}。请在机构的“证明”页预览。")


def verify_pdf(
    content: bytes,
    *,
    keys: dict[str, PublicKey] | None,
    proof: Path | None,
    roots_file: Path | None,
    as_json: bool,
) -> None:
    """Print what a paper's file bears, and hold it against a proof. No database.

    Exit 1 if anything does not hold; 2 if nothing that we were given says whose seals they are: anybody can make such.

    Raises:
        BridgeError: the proof does not hold, or is for another file.
    """
    trusted = [] if roots_file is None else certificates_of(roots_file.read_text(encoding="ascii"))
    found: SignaturesFound = load("signatures.pdf")(content, trusted)
    digest = sha256_hex(content)
    stated = None if proof is None else _stated(proof.read_bytes(), keys, digest)
    vouched = stated is not None and keys is not None
    good = found.state is SealState.GOOD or (found.state is SealState.UNKNOWN and vouched)
    if as_json:
        print_json(
            {
                "valid": good,
                "kind": "pdf",
                "pdf_sha256": digest,
                "seals": found.state.value,
                "signatures": [
                    {
                        "field": one.field,
                        "signer": one.signer,
                        "issuer": one.issuer,
                        "intact": one.intact,
                        "trusted": one.trusted,
                        "judged_at": None if one.judged_at is None else rfc3339(one.judged_at),
                        "time_by": one.stamp.authority if one.stamp and one.stamp.trusted else "signer",
                    }
                    for one in found.signatures
                ],
                "proof": stated,
            }
        )
    else:
        click.echo(f"  文件 SHA-256 {digest}")
        for one in found.signatures:
            label = (
                FIELD_LABELS.get(SealField(one.field), one.field)
                if one.field in set(SealField)
                else one.field
            )
            mark = "✓" if one.intact and one.trusted else ("!" if one.intact else "✗")
            click.echo(f"{mark} {label or '签章'}:{one.signer or '无法读出'}(证书签发者 {one.issuer or '—'})")
            click.echo(f"  {_judged_zh(one)}")
        click.echo(_SAID[found.state], err=not good)
        if stated is not None:
            mark = "✓" if vouched else "!"
            click.echo(
                f"{mark} 出具方声明:编号 {stated['certificate']},状态 {stated['status']}"
                f"({stated['stated_at']}),文件一致。"
            )
            if not vouched:
                click.echo("  声明用的是它自带的公钥;请用 --key 给出出具方公布的公钥。")
        else:
            click.echo("  状态(是否撤销、换发)请在线查验,或用 --proof 给出查验证据。")
    if not good:
        raise SystemExit(2 if found.state is SealState.UNKNOWN else 1)


def _judged_zh(one: SignatureFound) -> str:
    """Return by whose time the certificate was judged."""
    if one.judged_at is None:
        return "没有签章时间,按现在核对证书。"
    when = one.judged_at.astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    if one.stamp is None:
        return f"按签章方自报的时间 {when} 核对证书(没有时间戳)。"
    if one.stamp.trusted:
        return f"按时间戳的时间 {when} 核对证书(时间戳服务 {one.stamp.authority})。"
    return f"按签章方自报的时间 {when} 核对证书(时间戳服务 {one.stamp.authority} 不在给出的根证书之下)。"


def _stated(content: bytes, keys: dict[str, PublicKey] | None, digest: str) -> dict[str, str]:
    said = (check_paper_proof if is_paper_proof(content) else check_proof)(content, keys).statement
    if said["sha256"] != digest:
        raise InvalidInput("pdf_differs", "文件与证据所载的不同:文件被改动过,或证据属于另一份证明。")
    return {"certificate": said["number"], "status": said["status"], "stated_at": said["stated_at"]}


@contextmanager
def _house() -> Iterator[House]:
    house = House.build(Settings())
    try:
        yield house
    except BridgeError as error:
        click.echo(f"✗ {error.message}({error.reason})", err=True)
        raise SystemExit(1) from error
    finally:
        house.close()
