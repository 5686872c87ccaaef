"""The evidence port: bytes about a person, kept under a key that can be destroyed.

One data key for each person, purpose and class run, itself wrapped by the master key.
Deletion is the destruction of the data key; what lies in storage or in a backup is then noise.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef


class EvidencePurpose(StrEnum):
    """Why the bytes are kept; each has its own key and its own end."""

    ID_PHOTO = "id_photo"
    FACE_FRAME = "face_frame"
    FACE_TEMPLATE = "face_template"
    CERTIFICATE = "certificate"
    LEARNER_FILE = "learner_file"
    REGULATOR_BATCH = "regulator_batch"
    IDENTITY_EVIDENCE = "identity_evidence"


@dataclass(frozen=True, slots=True)
class EvidenceScope:
    """Whose key encrypts: one person, one purpose, one class run.

    Args:
        subject: a LearnerRef, or before a person is known the enrolment list's row id.
        class_run_id: None for what no class run owns (a batch).
    """

    institution_id: InstitutionId
    subject: LearnerRef | str
    purpose: EvidencePurpose
    class_run_id: ClassRunId | None


class EvidencePort(Protocol):
    """Put, get, destroy. Runs inside the caller's unit of work."""

    def put(self, scope: EvidenceScope, content: bytes, media_type: str) -> EvidenceId:
        """Encrypt and store `content`; return its id. Bytes reach the disk before the row commits."""
        ...

    def get(self, institution_id: InstitutionId, evidence_id: EvidenceId) -> bytes:
        """Return the plain bytes; InvalidInput("evidence_unknown") for another tenant's or destroyed ones."""
        ...

    def destroy(self, scope: EvidenceScope, *, reason: str, by: str) -> int:
        """Destroy the scope's key, with a receipt, and return how many pieces of evidence that made unreadable.

        Args:
            reason: a code of `bridge.db.destruction.REASONS`.
            by: whose order: an id, or "schedule"; never a name.
        """
        ...
