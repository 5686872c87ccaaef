"""A certificate's proof: what completion issued, what the ledger holds and what the tree seals, in one file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bridge.completion.model import IssuedPaper
from bridge.completion.paper_number import normalised
from bridge.hours.recompute import Recomputed, recompute
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import rfc3339
from bridge.ledger.consistency import write_consistency
from bridge.ledger.model.merkle import consistency_path, inclusion_path
from bridge.ledger.proof import (
    STATEMENT,
    VERSION,
    CheckedProof,
    ProofInvalid,
    ProvedLeaf,
    check_proof,
    write_proof,
)
from bridge.ledger.service import LedgerService
from bridge.ledger.signatures import PublicKey
from bridge.ledger.tree_store import SqlTreeStore
from bridge.wiring.ledger_jobs import seal_now

if TYPE_CHECKING:
    from bridge.wiring.house import House

_FACTS = (
    "class_hours",
    "online_class_hours",
    "offline_class_hours",
    "credited_seconds",
    "refused_seconds",
    "first_ms",
    "last_ms",
    "packs",
)
"""Of a certificate's figures those that its ledger proves."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A proof that holds, with the hours made anew from its entries."""

    proof: CheckedProof
    recomputed: Recomputed

    def to_json(self) -> dict[str, Any]:
        """Return what was found as one JSON object."""
        statement = self.proof.statement
        head = self.proof.head.head
        return {
            "valid": True,
            "key_given": self.proof.key_given,
            "certificate": statement["number"],
            "paper": statement["paper"],
            "status": statement["status"],
            "pdf_sha256": statement["sha256"],
            "issued_at": statement["issued_at"],
            "institution": statement["institution"],
            "learner": statement["learner"],
            "class_run": statement["class_run"],
            "entries": self.proof.entries,
            "tree_size": head.tree_size,
            "tree_root": head.root,
            "sealed_at": head.to_json()["at"],
            "key": head.key,
            **self.recomputed.to_json(),
        }


def prove(house: "House", typed: str) -> bytes:
    """Return the proof of the certificate with that number; what it rests on is sealed first if need be.

    Raises:
        InvalidInput("certificate_unknown")
        Unavailable, LedgerInvalid: the ledger cannot be believed; run `anxue ledger verify`.
    """
    number = normalised(typed)
    issuer = None
    if number is not None:
        with house.uow.across_institutions("who issued the paper", read_only=True) as tx:
            issuer = house.at(tx).completion_store.institution_of(number)
    if number is None or issuer is None:
        raise InvalidInput("certificate_unknown", "没有这个编号的证明,请核对编号。", http_status=404)
    seal_now(house, issuer)
    key = house.ledger_keys.signing()
    known = house.ledger_keys.known_of(issuer)
    with house.uow.for_institution(issuer, read_only=True) as tx:
        stations = house.at(tx)
        paper = stations.completion_store.paper_by_number(number)
        store = SqlTreeStore(tx, house.ledger_marks)
        head = store.latest_head()
        if paper is None or head is None:
            raise RuntimeError(f"certificate {number} stands without its ledger")
        lines = lines_up_to(paper.facts["ledger_head"], stations.ledger, paper)
        entries = len(lines) - 1
        leaves = [
            ProvedLeaf(index, seal, tuple(inclusion_path(store, index, head.head.tree_size)))
            for index, seal in store.seals_of(paper.learner, paper.class_run)
            if seal.first <= entries
        ]
    statement = statement_of(house, issuer, paper, lines, key.public.id)
    keys = [known[one] for one in sorted({key.public.id, head.head.key})]
    return write_proof(statement, key.sign(canonical_json(statement)), lines, leaves, head, keys)


def statement_of(
    house: "House", institution: InstitutionId, paper: IssuedPaper, lines: list[bytes], key: str
) -> dict[str, Any]:
    """Return what the bridge states of a paper, to be signed by the key with that id.

    Args:
        lines: of ledger.jsonl up to the paper's head, header first.
    """
    return {
        "v": VERSION,
        "kind": STATEMENT,
        "institution": institution,
        "learner": paper.learner,
        "class_run": paper.class_run,
        "number": paper.number,
        "paper": paper.kind.value,
        "status": paper.status,
        "sha256": paper.sha256,
        "issued_at": rfc3339(paper.issued_at),
        "ledger_head": paper.facts["ledger_head"],
        "header_sha256": sha256_hex(lines[0]),
        "entries": len(lines) - 1,
        "facts": {name: paper.facts[name] for name in _FACTS},
        "stated_at": rfc3339(house.clock.now()),
        "key": key,
    }


def prove_consistency(house: "House", institution: InstitutionId, old: int) -> bytes:
    """Return the proof that the institution's newest tree begins with its head of `old` leaves.

    Raises:
        InvalidInput("head_unknown"): no head was signed over so many leaves.
    """
    with house.uow.for_institution(institution, read_only=True) as tx:
        store = SqlTreeStore(tx, house.ledger_marks)
        heads = {one.head.tree_size: one for one in store.heads()}
        if old not in heads:
            raise InvalidInput("head_unknown", "没有这个叶数的树头,请用 anxue ledger heads --all 查看。")
        newest = max(heads)
        return write_consistency(heads[old], heads[newest], consistency_path(store, old, newest))


def verify(
    content: bytes, keys: Mapping[str, PublicKey] | None = None, pack_dirs: tuple[Path, ...] = ()
) -> Verified:
    """Return what a proof proves, its hours recomputed under the packs that its ledger names; no database.

    Raises:
        ProofInvalid: the first place that does not hold.
        InvalidInput, NoRuleInForce: as `hours.recompute.recompute`.
    """
    proof = check_proof(content, keys)
    with TemporaryDirectory(prefix="anxue-proof-") as folder:
        path = Path(folder) / "ledger.jsonl"
        path.write_bytes(proof.ledger)
        recomputed = recompute(path, pack_dirs, proof.statement["ledger_head"])
    facts = proof.statement["facts"]
    made = {
        "online_class_hours": recomputed.hours.online_share.value,
        "offline_class_hours": recomputed.hours.offline_class_hours,
        "credited_seconds": recomputed.seconds.credited_seconds,
        "refused_seconds": recomputed.seconds.refused_seconds,
    }
    for name, value in made.items():
        if facts.get(name) != value:
            raise ProofInvalid(
                "certificate_differs",
                f"certificate:{name}",
                f"证明所载为 {facts.get(name)},按台账重算为 {value}。",
            )
    return Verified(proof, recomputed)


def lines_up_to(head: str, ledger: LedgerService, paper: IssuedPaper) -> list[bytes]:
    """Return the lines of ledger.jsonl up to the entry whose hash the paper names."""
    for entry in ledger.entries(paper.learner, paper.class_run):
        if entry.hash == head:
            return ledger.export_jsonl(paper.learner, paper.class_run).split(b"\n")[: entry.seq + 1]
    raise InvalidInput(
        "certificate_head_missing",
        "台账中没有证明所载的末端,请运行 anxue ledger verify 查明原因。",
        http_status=409,
    )
