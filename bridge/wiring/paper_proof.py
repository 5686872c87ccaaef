"""The small proof of a paper that the verify page hands out: signed statement, one leaf, its path, the signed head."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.completion.model import IssuedPaper
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.ledger.model.merkle import inclusion_path, verify_inclusion
from bridge.ledger.model.seals import SignedHead
from bridge.ledger.paper_proof import write_paper_proof
from bridge.ledger.proof import ProvedLeaf
from bridge.ledger.tree_store import SqlTreeStore
from bridge.wiring.ledger_proof import lines_up_to, statement_of

if TYPE_CHECKING:
    from bridge.wiring.house import House


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where the ledger entry that a paper names stands in its institution's tree.

    Args:
        holds: the path leads from the leaf to the root, and the bridge's key signed that root.
    """

    leaf: ProvedLeaf
    head: SignedHead
    holds: bool


def inclusion_of(house: "House", institution: InstitutionId, paper: IssuedPaper) -> Inclusion | None:
    """Return where the paper's ledger is sealed; None before the next sealing (every five minutes)."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        store = SqlTreeStore(tx, house.ledger_marks)
        head = store.latest_head()
        if head is None:
            return None
        for index, seal in store.seals_of(paper.learner, paper.class_run):
            if paper.facts["ledger_head"] in seal.hashes and index < head.head.tree_size:
                path = tuple(inclusion_path(store, index, head.head.tree_size))
                leaf = ProvedLeaf(index, seal, path)
                break
        else:
            return None
    known = house.ledger_keys.known_of(institution)
    key = known.get(head.head.key)
    root = bytes.fromhex(head.head.root)
    return Inclusion(
        leaf,
        head,
        holds=key is not None
        and key.holds(head.head.canonical(), head.signature)
        and verify_inclusion(leaf.seal.leaf_hash(), leaf.index, head.head.tree_size, leaf.path, root),
    )


def prove_paper(house: "House", institution: InstitutionId, number: str) -> bytes:
    """Return the proof file of a paper.

    Raises:
        InvalidInput: "certificate_unknown"; "paper_not_sealed": its ledger waits for the next sealing.
    """
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        paper = stations.completion_store.paper_by_number(number)
        if paper is None:
            raise InvalidInput("certificate_unknown", "没有这个编号的证明,请核对编号。", http_status=404)
        lines = lines_up_to(paper.facts["ledger_head"], stations.ledger, paper)
    found = inclusion_of(house, institution, paper)
    if found is None:
        raise InvalidInput("paper_not_sealed", "台账将在几分钟内封存,请稍后再下载查验证据。", http_status=409)
    key = house.ledger_keys.signing()
    statement = statement_of(house, institution, paper, lines, key.public.id)
    known = house.ledger_keys.known_of(institution)
    keys = [known[one] for one in sorted({key.public.id, found.head.head.key})]
    return write_paper_proof(statement, key.sign(canonical_json(statement)), found.leaf, found.head, keys)
