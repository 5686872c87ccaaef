"""Fixity: everything stored is read and hashed again in lots; a difference is a signal, and so is its end."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.archive.fixity import Round
from bridge.db.vault import EvidenceRow
from bridge.kernel.errors import Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import EvidenceId, LearnerRef
from bridge.supervision.signals_model import SignalKind
from bridge.wiring import archive_fixity
from bridge.wiring.archive_fixity import begin_rounds, sweep_fixity
from tests.web.furnished import ORG, OTHER_ORG, RUN, Furnished, furnish

LEARNER = LearnerRef("ln_somebody")


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    yield made
    made.house.close()


def put(furnished: Furnished, count: int) -> list[EvidenceId]:
    with furnished.house.uow.for_institution(ORG) as tx:
        vault = furnished.house.at(tx).vault
        scope = EvidenceScope(ORG, LEARNER, EvidencePurpose.FACE_FRAME, RUN)
        return [vault.put(scope, bytes([number]), "image/jpeg") for number in range(count)]


def blob(furnished: Furnished, evidence: EvidenceId) -> Path:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        name = tx.session.scalar(select(EvidenceRow.blob).where(EvidenceRow.id == evidence))
    return furnished.house.settings.data_dir / "evidence" / str(name)


def walk(furnished: Furnished) -> Round:
    begin_rounds(furnished.house)
    furnished.work_off()
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        newest = furnished.house.at(tx).fixity.newest()
    assert newest is not None
    return newest


def signals(furnished: Furnished) -> list[tuple[str | None, str | None, str]]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = furnished.house.at(tx).signals.page(None).signals
    return [
        (one.class_run, one.learner, one.change) for one in found if one.kind is SignalKind.EVIDENCE_BROKEN
    ]


def faults(furnished: Furnished) -> list[tuple[str, str]]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return [(one, reason) for one, reason, _ in furnished.house.at(tx).fixity.open_faults(RUN)]


def test_a_round_looks_at_everything_lot_by_lot(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_fixity, "_LOT", 2)
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        before = len(tx.session.scalars(select(EvidenceRow.id)).all())
    put(furnished, 5)
    done = walk(furnished)
    assert (done.pieces, done.faults) == (before + 5, 0)
    assert done.finished_at is not None
    assert signals(furnished) == []


def test_a_changed_byte_and_a_lost_file_are_each_told_once(furnished: Furnished) -> None:
    changed, lost, whole = put(furnished, 3)
    path = blob(furnished, changed)
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    blob(furnished, lost).unlink()
    assert walk(furnished).faults == 2
    assert sorted(signals(furnished)) == sorted([(RUN, LEARNER, "内容不一致"), (RUN, LEARNER, "缺失")])
    assert sorted(faults(furnished)) == sorted([(changed, "evidence_damaged"), (lost, "evidence_missing")])
    assert whole not in dict(faults(furnished))
    furnished.clock.advance(days=90)
    walk(furnished)
    assert len(signals(furnished)) == 2

    path.write_bytes(sealed)
    furnished.clock.advance(days=90)
    walk(furnished)
    assert faults(furnished) == [(lost, "evidence_missing")]


def test_what_was_destroyed_on_purpose_is_no_fault(furnished: Furnished) -> None:
    put(furnished, 2)
    with furnished.house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, LEARNER, EvidencePurpose.FACE_FRAME, RUN)
        furnished.house.at(tx).vault.destroy(scope, reason="requested", by="stf_lin")
    assert walk(furnished).faults == 0


def test_rounds_begin_when_they_are_due_and_for_every_institution(furnished: Furnished) -> None:
    sweep_fixity(furnished.house)
    furnished.work_off()
    assert begin_rounds(furnished.house) == 0
    furnished.clock.advance(days=89)
    assert begin_rounds(furnished.house) == 0
    furnished.clock.advance(days=1)
    assert begin_rounds(furnished.house) == 2
    with furnished.house.uow.for_institution(OTHER_ORG, read_only=True) as tx:
        assert furnished.house.at(tx).fixity.newest() is not None
    # One that is under way is not begun again.
    furnished.clock.advance(days=90)
    assert begin_rounds(furnished.house) == 0


def test_a_store_that_does_not_answer_is_no_fault_of_the_bytes(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(furnished, 1)

    def silent(_name: str) -> bytes:
        raise Unavailable("evidence_store_unavailable", "没有应答", permanent=False)

    with monkeypatch.context() as broken:
        broken.setattr(furnished.house.blobs, "get", silent)
        assert walk(furnished).finished_at is None
    assert faults(furnished) == []
    furnished.clock.at += timedelta(hours=1)
    furnished.work_off()
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        newest = furnished.house.at(tx).fixity.newest()
    assert newest is not None
    assert newest.finished_at is not None
