"""The master key's files, the root key behind them, and another master key for what the first one wrapped."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from bridge.db import key_rotation
from bridge.db.data_keys import DataKeyRow, bound_to, wrapped_of
from bridge.db.file_master_key import FileMasterKey
from bridge.db.key_ring import KeyRing, open_root, root_is_under
from bridge.db.key_rotation import keys_under, retire, rotate
from bridge.db.master_key import load_or_create
from bridge.db.master_keys import Bare
from bridge.db.sealing import Algorithm, Tampered
from bridge.db.vault import EvidenceRow
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef
from tests.db.vaults import VaultRoom

ORG, OTHER = InstitutionId("org_a"), InstitutionId("org_b")
SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_TEMPLATE, ClassRunId("run_1"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def opened(folder: Path, algorithm: Algorithm = Algorithm.AES_256_GCM) -> KeyRing:
    """Return the ring as another process opens it."""
    master = FileMasterKey(folder, algorithm)
    return KeyRing(open_root(folder, master), master, algorithm=algorithm)


@pytest.fixture
def room(database_url: str, tmp_path: Path, folder: Path) -> Iterator[VaultRoom]:
    built = VaultRoom(database_url, tmp_path / "blobs")
    built.ring = opened(folder)
    yield built
    built.close()


def put(room: VaultRoom, number: int = 1) -> list[EvidenceId]:
    made = []
    for institution in (ORG, OTHER):
        with room.open(institution) as vault:
            for at in range(number):
                scope = replace(SCOPE, institution_id=institution, subject=f"ln_{at}")
                made.append(vault.put(scope, f"content {at}".encode(), "x/y"))
    return made


def readable(room: VaultRoom, ids: list[EvidenceId]) -> int:
    found = 0
    for at, one in enumerate(ids):
        with room.open(ORG if at < len(ids) // 2 else OTHER) as vault:
            found += vault.get(ORG if at < len(ids) // 2 else OTHER, one).startswith(b"content")
    return found


def test_processes_that_start_at_once_have_the_same_root_key(folder: Path) -> None:
    roots: list[bytes] = []
    ready = threading.Barrier(6)

    def start() -> None:
        ready.wait(10)
        roots.append(opened(folder).root)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(roots), len(set(roots))) == (6, 1)
    assert roots[0] != load_or_create(folder / "master.key")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert roots[0].hex() not in (folder / "root.wrapped").read_text()


def test_the_first_master_key_of_an_older_installation_is_its_root_key(folder: Path) -> None:
    first = load_or_create(folder / "master.key")
    ring = opened(folder)
    assert (ring.root, root_is_under(folder)) == (first, "")
    assert not (folder / "root.wrapped").exists()


@pytest.mark.parametrize("name", ["master.key", "root.wrapped"])
def test_without_one_of_its_files_nothing_opens_and_none_is_made_anew(folder: Path, name: str) -> None:
    opened(folder)
    (folder / name).unlink()
    with pytest.raises(Unavailable, match=r"(master|root)_key_missing"):
        opened(folder)
    assert not (folder / name).exists()


def test_a_root_key_that_was_changed_stops_the_start(folder: Path) -> None:
    opened(folder)
    path = folder / "root.wrapped"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "wrapped": said["wrapped"][:-8] + "AAAAAAA="}))
    with pytest.raises(Unavailable, match="root_key_malformed"):
        opened(folder)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=30), st.data())
def test_a_wrapped_key_opens_only_as_it_was_wrapped(key: bytes, bound_to: bytes, data: st.DataObject) -> None:
    ring = KeyRing(bytes(32))
    (wrapped,) = ring.wrap([Bare(key, bound_to)])
    assert ring.unwrap([wrapped]) == [key]
    changed = bytearray(wrapped.sealed)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for other in (replace(wrapped, sealed=bytes(changed)), replace(wrapped, bound_to=bound_to + b"x")):
        with pytest.raises(Tampered):
            ring.unwrap([other])


@pytest.mark.parametrize("column", ["subject", "purpose", "class_run_id"])
def test_a_data_key_given_to_another_person_purpose_or_class_run_opens_nothing(
    room: VaultRoom, column: str
) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
    with room.units.across_institutions("test: another's key") as tx:
        row = tx.session.scalars(select(DataKeyRow)).one()
        setattr(row, column, "other")
    with room.open() as vault, pytest.raises(Unavailable, match="evidence_damaged"):
        vault.get(ORG, evidence_id)


def test_evidence_under_another_persons_key_opens_nothing_though_the_key_is_right(room: VaultRoom) -> None:
    """Whoever could rewrap a key for another scope would still not have made the content that scope's."""
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
    with room.units.across_institutions("test: rewrapped for another") as tx:
        row = tx.session.scalars(select(DataKeyRow)).one()
        (bare,) = room.ring.unwrap([wrapped_of(row)])
        row.subject = "ln_2"
        (again,) = room.ring.wrap([Bare(bare, bound_to(row))])
        row.wrapped = again.sealed
    with room.open() as vault, pytest.raises(Unavailable, match="evidence_damaged"):
        vault.get(ORG, evidence_id)


def test_both_algorithms_are_read_whatever_the_setting_says_now(room: VaultRoom, folder: Path) -> None:
    made = put(room)
    room.ring = opened(folder, Algorithm.SM4_GCM)
    with room.open() as vault:
        # The same person's key, which was made before.
        made.insert(1, vault.put(replace(SCOPE, subject="ln_0"), b"content in SM4", "x/y"))
    with room.open() as vault:
        assert vault.get(ORG, made[1]) == b"content in SM4"
        assert vault.get(ORG, made[0]) == b"content 0"
    sealed = [path.read_bytes()[:5] for path in room.folder.rglob("evd_*")]
    assert sorted(sealed) == [b"AXS1\x01", b"AXS1\x01", b"AXS1\x02"]
    room.ring = opened(folder)
    with room.open() as vault:
        assert vault.get(ORG, made[1]) == b"content in SM4"


def test_evidence_from_before_records_said_how_they_were_sealed_is_read(room: VaultRoom) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
    with room.units.across_institutions("test: as it was written once") as tx:
        row, key = tx.session.scalars(select(EvidenceRow)).one(), tx.session.scalars(select(DataKeyRow)).one()
        (bare,) = room.ring.unwrap([wrapped_of(key)])
        row.nonce = bytes(12)
        bound = "\x00".join((row.id, key.id, key.institution_id, row.media_type)).encode()
        (blob,) = room.folder.rglob("evd_*")
        blob.write_bytes(AESGCM(bare).encrypt(bytes(12), b"content", bound))
    with room.open() as vault:
        assert vault.get(ORG, evidence_id) == b"content"


def test_a_rotation_rewraps_every_key_and_touches_no_content(room: VaultRoom, folder: Path) -> None:
    made = put(room, 3)
    before = {path: path.read_bytes() for path in room.folder.rglob("evd_*")}
    old = FileMasterKey(folder).current()
    current = rotate(room.ring, folder, room.units)
    assert current != old
    assert keys_under(room.units) == {current: 6}
    assert root_is_under(folder) == current
    assert {path: path.read_bytes() for path in room.folder.rglob("evd_*")} == before
    # Another process that runs on, and one that starts now.
    assert readable(room, made) == 6
    room.ring = opened(folder)
    assert readable(room, made) == 6


def test_an_installation_from_before_can_be_rotated(room: VaultRoom, tmp_path: Path) -> None:
    older = tmp_path / "older"
    first = load_or_create(older / "master.key")
    room.ring = KeyRing(first)
    made = put(room)
    room.ring = opened(older)
    assert readable(room, made) == 2
    assert keys_under(room.units) == {"": 2}
    current = rotate(room.ring, older, room.units)
    assert keys_under(room.units) == {current: 2}
    room.ring = opened(older)
    assert (room.ring.root, readable(room, made)) == (first, 2)


def test_a_rotation_that_was_interrupted_is_gone_on_with_and_all_stays_readable(
    room: VaultRoom, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "SLICE", 2)
    made = put(room, 3)

    def stop(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(room.ring, folder, room.units, stop)
    current = FileMasterKey(folder).current()
    assert keys_under(room.units)[current] == 2
    room.ring = opened(folder)
    assert readable(room, made) == 6
    (older,) = FileMasterKey(folder).older()
    with pytest.raises(InvalidInput, match="master_key_rotating"):
        retire(room.ring, folder, room.units, older)
    assert rotate(room.ring, folder, room.units) == current
    assert keys_under(room.units) == {current: 6}
    assert readable(room, made) == 6


def test_a_process_that_runs_on_wraps_under_the_new_key_at_once(room: VaultRoom, folder: Path) -> None:
    put(room)
    other = opened(folder)
    current = rotate(other, folder, room.units)
    with room.open() as vault:
        vault.put(replace(SCOPE, subject="ln_new"), b"content", "x/y")
    assert keys_under(room.units) == {current: 3}


def test_an_old_key_goes_only_when_it_is_told_to_and_nothing_needs_it(room: VaultRoom, folder: Path) -> None:
    made = put(room)
    first = FileMasterKey(folder).current()
    with pytest.raises(InvalidInput, match="master_key_in_use"):
        retire(room.ring, folder, room.units, first)
    rotate(room.ring, folder, room.units)
    assert FileMasterKey(folder).older() == (first,)
    with pytest.raises(InvalidInput, match="master_key_unknown"):
        retire(room.ring, folder, room.units, "file:none")
    retire(room.ring, folder, room.units, first)
    assert FileMasterKey(folder).older() == ()
    room.ring = opened(folder)
    assert readable(room, made) == 2


def test_a_retired_key_opens_no_backup(room: VaultRoom, folder: Path) -> None:
    put(room)
    with room.units.across_institutions("test: a backup") as tx:
        backup = [wrapped_of(row) for row in tx.session.scalars(select(DataKeyRow))]
    assert len(opened(folder).unwrap(backup)) == 2
    first = FileMasterKey(folder).current()
    rotate(room.ring, folder, room.units)
    retire(room.ring, folder, room.units, first)
    with pytest.raises(Unavailable, match="master_key_unknown"):
        opened(folder).unwrap(backup)


def test_an_old_key_that_others_can_read_is_not_used(room: VaultRoom, folder: Path) -> None:
    with room.units.across_institutions("test: wrapped before"):
        (wrapped,) = room.ring.wrap([Bare(bytes(32), b"x")])
    rotate(room.ring, folder, room.units)
    (old,) = folder.glob("master-*.key")
    old.chmod(0o644)
    with pytest.raises(Unavailable, match="master_key_exposed"):
        opened(folder).unwrap([wrapped])
