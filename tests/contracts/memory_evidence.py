"""An evidence port in memory, for tests of services. It encrypts nothing and says so by its name."""

from itertools import count

from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidenceScope
from bridge.kernel.ids import EvidenceId, InstitutionId


class MemoryEvidence:
    """`kernel.evidence.EvidencePort` without a disk."""

    def __init__(self) -> None:
        self._kept: dict[EvidenceId, tuple[EvidenceScope, bytes]] = {}
        self._numbers = count(1)

    def put(self, scope: EvidenceScope, content: bytes, media_type: str) -> EvidenceId:
        evidence_id = EvidenceId(f"evd_{next(self._numbers)}")
        self._kept[evidence_id] = (scope, content)
        return evidence_id

    def get(self, institution_id: InstitutionId, evidence_id: EvidenceId) -> bytes:
        kept = self._kept.get(evidence_id)
        if kept is None or kept[0].institution_id != institution_id:
            raise InvalidInput("evidence_unknown", "没有这份材料。", http_status=404)
        return kept[1]

    def destroy(self, scope: EvidenceScope, *, reason: str, by: str) -> int:
        gone = [evidence_id for evidence_id, (kept, _) in self._kept.items() if kept == scope]
        for evidence_id in gone:
            del self._kept[evidence_id]
        return len(gone)
