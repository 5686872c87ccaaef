"""What every evidence port does: run on the vault (both databases) and on the fake."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from tests.contracts.memory_evidence import MemoryEvidence
from tests.db.vaults import VaultRoom

ORG, OTHER = InstitutionId("org_a"), InstitutionId("org_b")
SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, ClassRunId("run_1"))


class Room(Protocol):
    """Opens units of work around one evidence store."""

    def open(self, institution: InstitutionId = ORG) -> AbstractContextManager[EvidencePort]: ...


class MemoryRoom:
    def __init__(self) -> None:
        self._evidence = MemoryEvidence()

    def open(self, institution: InstitutionId = ORG) -> AbstractContextManager[EvidencePort]:
        return nullcontext(self._evidence)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    if request.param == "memory":
        yield MemoryRoom()
        return
    url = f"sqlite:///{tmp_path / 'v.sqlite'}" if request.param == "sqlite" else ""
    vaults = VaultRoom(url or request.getfixturevalue("postgres_url"), tmp_path / "blobs")
    yield vaults
    vaults.close()


def test_what_is_put_is_got_in_a_later_unit_of_work(room: Room) -> None:
    with room.open() as evidence:
        evidence_id = evidence.put(SCOPE, b"frame", "image/jpeg")
    with room.open() as evidence:
        assert evidence.get(ORG, evidence_id) == b"frame"


def test_empty_content_is_content(room: Room) -> None:
    with room.open() as evidence:
        assert evidence.get(ORG, evidence.put(SCOPE, b"", "image/jpeg")) == b""


def test_another_institution_gets_nothing(room: Room) -> None:
    with room.open() as evidence:
        evidence_id = evidence.put(SCOPE, b"frame", "image/jpeg")
    with room.open(OTHER) as evidence, pytest.raises(InvalidInput, match="evidence_unknown"):
        evidence.get(OTHER, evidence_id)


def test_an_unknown_id_is_refused(room: Room) -> None:
    with room.open() as evidence, pytest.raises(InvalidInput, match="evidence_unknown"):
        evidence.get(ORG, "evd_none")  # type: ignore[arg-type]  # any text may come from an address


def test_destroying_a_scope_makes_all_of_it_unreadable_and_nothing_else(room: Room) -> None:
    neighbours = [
        EvidenceScope(ORG, LearnerRef("ln_2"), EvidencePurpose.FACE_FRAME, ClassRunId("run_1")),
        EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_TEMPLATE, ClassRunId("run_1")),
        EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, ClassRunId("run_2")),
        EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, None),
    ]
    with room.open() as evidence:
        gone = [evidence.put(SCOPE, content, "image/jpeg") for content in (b"1", b"2")]
        kept = [evidence.put(scope, b"kept", "image/jpeg") for scope in neighbours]
    with room.open() as evidence:
        assert evidence.destroy(SCOPE, reason="requested", by="stf_lin") == 2
    with room.open() as evidence:
        for evidence_id in gone:
            with pytest.raises(InvalidInput, match="evidence_unknown"):
                evidence.get(ORG, evidence_id)
        assert [evidence.get(ORG, evidence_id) for evidence_id in kept] == [b"kept"] * 4


def test_destroying_twice_destroys_nothing_the_second_time(room: Room) -> None:
    with room.open() as evidence:
        evidence.put(SCOPE, b"1", "image/jpeg")
        assert evidence.destroy(SCOPE, reason="requested", by="stf_lin") == 1
        assert evidence.destroy(SCOPE, reason="requested", by="stf_lin") == 0


def test_a_destroyed_scope_can_be_used_anew(room: Room) -> None:
    with room.open() as evidence:
        evidence.put(SCOPE, b"old", "image/jpeg")
        evidence.destroy(SCOPE, reason="requested", by="stf_lin")
        again = evidence.put(SCOPE, b"new", "image/jpeg")
    with room.open() as evidence:
        assert evidence.get(ORG, again) == b"new"
