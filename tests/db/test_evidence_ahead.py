"""Content stored before its unit of work: one row names it or it is gone, whatever ends in between."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.db.data_keys import DataKeyRow
from bridge.db.evidence_ahead import LEFT_AFTER_SECONDS, EvidenceAhead
from bridge.db.unit_of_work import Tx, WrongInstitution
from bridge.db.vault import FRESH_SECONDS, EvidenceRow, StoredAhead, Vault
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef
from bridge.settings import ROOT
from plugins.storage.local_folder import LocalFolderBlobs
from tests.db.vaults import ORG, VaultRoom

SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, ClassRunId("run_1"))
TYPE = "image/jpeg"
CONTENT = b"canary " * 100


class Room(VaultRoom):
    """A vault whose scope has a key, and who stores ahead of it."""

    def __init__(self, database_url: str, folder: Path) -> None:
        super().__init__(database_url, folder / "blobs")
        self.marks = folder / "begun"
        self.blobs = LocalFolderBlobs(self.folder)
        self.ahead = EvidenceAhead(self.ring, self.blobs, self.marks)
        with self.open() as vault:
            self.first = vault.put(SCOPE, b"the first under the key", TYPE)

    @contextmanager
    def stored(self, content: bytes = CONTENT, scope: EvidenceScope = SCOPE) -> Iterator[StoredAhead | None]:
        with self.units.for_institution(ORG, read_only=True) as tx:
            key = self.ahead.key_of(tx, scope)
        with self.ahead.stored(key, content, TYPE) as stored:
            yield stored

    def put(self, stored: StoredAhead | None, content: bytes = CONTENT) -> EvidenceId:
        with self.open() as vault:
            vault.take_along(stored)
            return vault.put(SCOPE, content, TYPE)

    def get(self, evidence: EvidenceId) -> bytes:
        with self.open() as vault:
            return vault.get(ORG, evidence)

    def lying(self) -> set[str]:
        """Return the names of all content that lies in the store, but for the first."""
        return {path.name for path in self.folder.rglob("*") if path.is_file()} - {self.first}

    def rows(self) -> set[str]:
        with self.units.for_institution(ORG, read_only=True) as tx:
            return set(tx.session.scalars(select(EvidenceRow.id))) - {self.first}

    def marked(self) -> set[str]:
        return {path.name for path in self.marks.iterdir()} if self.marks.exists() else set()

    def age_marks(self) -> None:
        then = time.time() - LEFT_AFTER_SECONDS - 1
        for mark in self.marks.iterdir():
            os.utime(mark, (then, then))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    built = Room(f"sqlite:///{tmp_path / 'evidence.sqlite'}", tmp_path)
    yield built
    built.close()


@pytest.fixture
def either_room(database_url: str, tmp_path: Path) -> Iterator[Room]:
    """A room on SQLite, and one on PostgreSQL."""
    built = Room(database_url, tmp_path)
    yield built
    built.close()


class NoMoreContent(LocalFolderBlobs):
    """A store that takes nothing: whoever writes within a unit of work is found out."""

    def put(self, name: str, content: bytes) -> None:
        raise AssertionError("content was written within the unit of work")


def test_content_is_written_before_the_unit_of_work_and_not_within_it(room: Room) -> None:
    with room.stored() as stored:
        (lies,) = room.lying()
        assert b"canary" not in (room.folder / lies[-2:] / lies).read_bytes()
        assert room.marked() == {lies}
        with room.units.for_institution(ORG) as tx:
            vault = Vault(tx, room.ring, NoMoreContent(room.folder), room.receipts)
            vault.take_along(stored)
            evidence = vault.put(SCOPE, CONTENT, TYPE)
    assert room.lying() == room.rows() == {evidence}
    assert room.get(evidence) == CONTENT
    assert room.marked() == set()


def test_a_refusal_leaves_nothing(room: Room) -> None:
    def refused() -> None:
        with room.stored() as stored, room.open() as vault:
            vault.take_along(stored)
            raise InvalidInput("frame_repeated", "这张照片与之前的完全相同,请重新拍摄")

    with pytest.raises(InvalidInput, match="frame_repeated"):
        refused()
    assert (room.lying(), room.rows(), room.marked()) == (set(), set(), set())


@pytest.mark.parametrize("first_is_durable", [True, False])
def test_work_that_is_refused_when_it_is_done_again_leaves_it_to_the_sweep(
    room: Room, first_is_durable: bool
) -> None:
    """The answer to a commit was lost: what is done again may find itself done."""

    def done_again() -> None:
        with room.stored() as stored:
            with room.open() as vault:
                vault.take_along(stored)
                vault.put(SCOPE, CONTENT, TYPE)
                if not first_is_durable:
                    vault._session.rollback()
            with room.open() as vault:
                vault.take_along(stored)
                raise InvalidInput("frame_repeated", "这张照片与之前的完全相同,请重新拍摄")

    with pytest.raises(InvalidInput, match="frame_repeated"):
        done_again()
    room.age_marks()
    assert room.ahead.sweep(room.units) == (0 if first_is_durable else 1)
    assert room.lying() == room.rows()
    assert len(room.rows()) == (1 if first_is_durable else 0)


def test_what_the_unit_of_work_has_no_use_for_is_removed(room: Room) -> None:
    with room.stored() as stored, room.open() as vault:
        vault.take_along(stored)
    assert (room.lying(), room.rows(), room.marked()) == (set(), set(), set())


def broken_off(room: Room, work: Callable[[StoredAhead | None], None] = lambda _stored: None) -> None:
    """Do `work`; then the database goes away, with or without its commit."""
    with room.stored() as stored:
        work(stored)
        raise ConnectionError


def test_of_an_end_that_says_nothing_the_content_stays_until_the_sweep_has_looked(room: Room) -> None:
    with pytest.raises(ConnectionError):
        broken_off(room)
    (left,) = room.lying()
    assert room.ahead.sweep(room.units) == 0, "a unit of work may still be under way"
    assert (room.lying(), room.marked()) == ({left}, {left})
    room.age_marks()
    assert room.ahead.sweep(room.units) == 1
    assert (room.lying(), room.marked()) == (set(), set())


def test_the_sweep_keeps_what_was_committed_before_the_end(room: Room) -> None:
    committed: list[EvidenceId] = []
    with pytest.raises(ConnectionError):
        broken_off(room, lambda stored: committed.append(room.put(stored)))
    (evidence,) = committed
    room.age_marks()
    assert room.ahead.sweep(room.units) == 0
    assert room.get(evidence) == CONTENT
    assert room.marked() == set()


def test_the_sweep_touches_nothing_that_has_no_mark(room: Room) -> None:
    # As after an older copy of the database was put back beside the evidence.
    room.blobs.put("ab/evd_of_a_newer_database_ab", b"noise")
    assert room.ahead.sweep(room.units) == 0
    assert room.lying() == {"evd_of_a_newer_database_ab"}


def test_the_first_content_of_a_key_is_stored_within_its_unit_of_work(room: Room) -> None:
    other = replace(SCOPE, subject=LearnerRef("ln_2"))
    with room.stored(scope=other) as stored:
        assert stored is None
        with room.open() as vault:
            vault.take_along(stored)
            evidence = vault.put(other, CONTENT, TYPE)
    assert room.get(evidence) == CONTENT


def test_a_key_that_was_destroyed_meanwhile_is_not_used(either_room: Room) -> None:
    room = either_room
    with room.stored() as stored:
        assert stored is not None
        with room.open() as vault:
            vault.destroy(SCOPE, reason="requested", by="stf_lin")
        evidence = room.put(stored)
        with room.open() as vault:
            row = vault._session.get_one(EvidenceRow, evidence)
            key = vault._session.get_one(DataKeyRow, row.key_id)
            assert (row.key_id != stored.key_id, key.destroyed_at) == (True, None)
    assert room.get(evidence) == CONTENT
    assert room.lying() == {evidence}
    assert room.marked() == set()


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: replace(one, scope=replace(SCOPE, purpose=EvidencePurpose.FACE_TEMPLATE)),
        lambda one: replace(one, sha256="0" * 64),
        lambda one: replace(one, media_type="image/png"),
        lambda one: replace(one, stored_at=one.stored_at - FRESH_SECONDS),
    ],
    ids=["another scope", "another content", "another type", "too long ago"],
)
def test_what_does_not_fit_is_stored_anew(room: Room, changed: Callable[[StoredAhead], StoredAhead]) -> None:
    with room.stored() as stored:
        assert stored is not None
        evidence = room.put(changed(stored))
        assert evidence != stored.id
    assert room.get(evidence) == CONTENT
    assert room.lying() == room.rows() == {evidence}


def test_another_institutions_unit_of_work_does_not_make_it_its_own(room: Room) -> None:
    with room.stored() as stored, room.open(InstitutionId("org_b")) as vault:
        vault.take_along(stored)
        with pytest.raises(WrongInstitution):
            vault.put(SCOPE, CONTENT, TYPE)
    assert (room.lying(), room.rows()) == (set(), set())


def test_a_unit_of_work_that_is_done_twice_uses_it_once(room: Room) -> None:
    """As `together` does where what came along broke the transaction of all."""
    with room.stored() as stored:
        with room.open() as vault:
            vault.take_along(stored)
            vault.put(SCOPE, CONTENT, TYPE)
            vault._session.rollback()
        evidence = room.put(stored)
        assert stored is not None
        assert evidence == stored.id
    assert room.lying() == room.rows() == {evidence}
    assert room.marked() == set()


def test_the_same_content_twice_is_two_pieces_of_evidence(room: Room) -> None:
    with room.stored() as stored, room.open() as vault:
        vault.take_along(stored)
        first, second = (vault.put(SCOPE, CONTENT, TYPE) for _ in range(2))
    assert first != second
    assert room.lying() == room.rows() == {first, second}


def test_many_at_once_share_a_commit_and_each_finds_its_own(either_room: Room) -> None:
    room = either_room

    def send(number: int) -> tuple[int, EvidenceId]:
        content = CONTENT + bytes([number])
        with room.stored(content) as stored:

            def work(tx: Tx) -> EvidenceId:
                vault = Vault(tx, room.ring, NoMoreContent(room.folder), room.receipts)
                vault.take_along(stored)
                return vault.put(SCOPE, content, TYPE)

            return number, room.units.together(ORG, work)

    with ThreadPoolExecutor(8) as senders:
        sent = dict(senders.map(send, range(16)))
    assert {number: room.get(evidence) for number, evidence in sent.items()} == {
        number: CONTENT + bytes([number]) for number in range(16)
    }
    assert room.marked() == set()


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.db.test_evidence_ahead import Room
room = Room(sys.argv[1], Path(sys.argv[2]))
with room.stored(b"acknowledged") as stored:
    print(room.first, room.put(stored, b"acknowledged"), flush=True)
with room.stored():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_between_the_two_loses_nothing_that_was_acknowledged_and_the_rest_is_swept(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'killed.sqlite'}"
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, url, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -9, ended.stderr
    first, evidence = ended.stdout.split()
    room = Room(url, tmp_path)
    room.first = EvidenceId(first)
    try:
        assert room.get(EvidenceId(evidence)) == b"acknowledged"
        (left,) = room.marked()
        assert left in room.lying()
        assert left not in room.rows()
        room.age_marks()
        assert room.ahead.sweep(room.units) == 1
        assert room.lying() == room.rows()
        assert room.get(EvidenceId(evidence)) == b"acknowledged"
    finally:
        room.close()
