import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bridge.db.data_keys import DataKeyRow
from bridge.db.key_ring import KeyRing
from bridge.db.vault import EvidenceRow, Vault
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from plugins.storage.local_folder import LocalFolderBlobs
from tests.db.vaults import VaultRoom

ORG = InstitutionId("org_a")
SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, ClassRunId("run_1"))
CONTENT = b"canary " * 100


@pytest.fixture
def room(database_url: str, tmp_path: Path) -> Iterator[VaultRoom]:
    built = VaultRoom(database_url, tmp_path / "blobs")
    yield built
    built.close()


def _blobs(room: VaultRoom) -> list[Path]:
    return [path for path in room.folder.rglob("*") if path.is_file()] if room.folder.exists() else []


def test_content_lies_encrypted_and_closed_to_others_in_the_folder(room: VaultRoom) -> None:
    with room.open() as vault:
        vault.put(SCOPE, CONTENT, "image/jpeg")
    (blob,) = _blobs(room)
    assert b"canary" not in blob.read_bytes()
    assert blob.stat().st_mode & 0o777 == 0o600
    assert blob.parent.stat().st_mode & 0o777 == 0o700


def test_one_scope_has_one_key_and_every_row_names_it(room: VaultRoom) -> None:
    with room.open() as vault:
        vault.put(SCOPE, b"1", "image/jpeg")
    with room.open() as vault:
        vault.put(SCOPE, b"2", "image/jpeg")
    with room.units.for_institution(ORG) as tx:
        (key,) = tx.session.scalars(select(DataKeyRow)).all()
        assert {row.key_id for row in tx.session.scalars(select(EvidenceRow))} == {key.id}


def test_a_changed_blob_is_noticed(room: VaultRoom) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, CONTENT, "image/jpeg")
    (blob,) = _blobs(room)
    changed = bytearray(blob.read_bytes())
    changed[3] ^= 1
    blob.write_bytes(changed)
    with room.open() as vault, pytest.raises(Unavailable, match="evidence_damaged"):
        vault.get(ORG, evidence_id)


def test_a_blob_exchanged_for_another_of_the_same_key_is_noticed(room: VaultRoom) -> None:
    with room.open() as vault:
        first, second = (vault.put(SCOPE, content, "image/jpeg") for content in (b"a", b"b"))
    with room.units.for_institution(ORG) as tx:
        other = tx.session.get_one(EvidenceRow, second)
        values = {"blob": other.blob, "nonce": other.nonce, "sha256": other.sha256}
        tx.session.execute(update(EvidenceRow).where(EvidenceRow.id == first).values(**values))
    with room.open() as vault, pytest.raises(Unavailable, match="evidence_damaged"):
        vault.get(ORG, first)


def test_a_lost_blob_is_said_to_be_lost(room: VaultRoom) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, CONTENT, "image/jpeg")
    _blobs(room)[0].unlink()
    with room.open() as vault, pytest.raises(Unavailable, match="evidence_missing"):
        vault.get(ORG, evidence_id)


def test_another_master_key_opens_nothing(room: VaultRoom) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, CONTENT, "image/jpeg")
    room.ring = KeyRing(b"\x01" * 32)
    with room.open() as vault, pytest.raises(Unavailable, match="evidence_damaged"):
        vault.get(ORG, evidence_id)


def test_a_unit_of_work_over_all_institutions_gets_the_named_ones_evidence_only(room: VaultRoom) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, CONTENT, "image/jpeg")
    with room.units.across_institutions("test") as tx:
        vault = Vault(tx, room.ring, LocalFolderBlobs(room.folder), room.receipts)
        assert vault.get(ORG, evidence_id) == CONTENT
        with pytest.raises(InvalidInput, match="evidence_unknown"):
            vault.get(InstitutionId("org_b"), evidence_id)


def test_what_is_rolled_back_cannot_be_got(room: VaultRoom) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, CONTENT, "image/jpeg")
        vault._session.rollback()
    with room.open() as vault, pytest.raises(InvalidInput, match="evidence_unknown"):
        vault.get(ORG, evidence_id)


def test_destruction_removes_blobs_only_once_it_is_committed(room: VaultRoom) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, CONTENT, "image/jpeg")
    with room.open() as vault:
        vault.destroy(SCOPE, reason="requested", by="stf_lin")
        vault.put(SCOPE, b"a savepoint ends in here", "image/jpeg")
        assert len(_blobs(room)) == 2
        vault._session.rollback()
    with room.open() as vault:
        assert vault.get(ORG, evidence_id) == CONTENT
        vault.destroy(SCOPE, reason="requested", by="stf_lin")
    assert evidence_id not in {blob.name for blob in _blobs(room)}


def test_evidence_is_not_destroyed_in_a_savepoint_that_could_bring_its_key_back(room: VaultRoom) -> None:
    with room.open() as vault:
        vault.put(SCOPE, CONTENT, "image/jpeg")
        with vault._session.begin_nested(), pytest.raises(RuntimeError, match="savepoint"):
            vault.destroy(SCOPE, reason="requested", by="stf_lin")


def test_what_was_read_with_keys_is_forgotten_once_a_destruction_is_durable(room: VaultRoom) -> None:
    told: list[bool] = []
    with room.open() as vault:
        vault.put(SCOPE, CONTENT, "image/jpeg")
    room.ring.forgets.append(lambda: told.append(live_keys(room) == 0))
    with room.open() as vault:
        vault.destroy(SCOPE, reason="requested", by="stf_lin")
        # Not before: who reads the key meanwhile would remember it for longer than it lives.
        assert told == []
    assert told == [True]


def live_keys(room: VaultRoom) -> int:
    with room.units.for_institution(ORG, read_only=True) as tx:
        return len(tx.session.scalars(select(DataKeyRow.id).where(DataKeyRow.destroyed_at.is_(None))).all())


def test_two_units_of_work_at_once_make_one_key(room: VaultRoom) -> None:
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def put() -> None:
        try:
            ready.wait(10)
            with room.open() as vault:
                vault.put(SCOPE, CONTENT, "image/jpeg")
        except BaseException as error:  # noqa: BLE001  # whatever went wrong is the test's answer
            failures.append(error)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    with room.units.for_institution(ORG) as tx:
        assert len(tx.session.scalars(select(DataKeyRow)).all()) == 1
        assert len(tx.session.scalars(select(EvidenceRow)).all()) == 4


@pytest.mark.parametrize("name", ["../x", "ab/../../x", "/etc/passwd", "ab/.x", "abc", "ab/x/y", "AB/evd_1"])
def test_a_blobs_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    blobs = LocalFolderBlobs(tmp_path)
    with pytest.raises(ValueError, match="a blob's name"):
        blobs.put(name, b"")


def test_a_blob_is_never_replaced(tmp_path: Path) -> None:
    blobs = LocalFolderBlobs(tmp_path)
    blobs.put("ab/evd_1ab", b"first")
    with pytest.raises(FileExistsError):
        blobs.put("ab/evd_1ab", b"second")
    assert blobs.get("ab/evd_1ab") == b"first"
    assert [path.name for path in (tmp_path / "ab").iterdir()] == ["evd_1ab"]
    blobs.delete("ab/evd_1ab")
    blobs.delete("ab/evd_1ab")
    with pytest.raises(FileNotFoundError):
        blobs.get("ab/evd_1ab")
