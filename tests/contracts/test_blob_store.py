"""What every blob store does: run on the folder of this machine and on a bucket of a real object store (Swift)."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from bridge.db.store_settings import StoreSettings
from bridge.db.vault import BlobStore, Vault
from bridge.kernel.errors import Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, new_id
from bridge.wiring.evidence_store import open_store
from plugins.storage.local_folder import LocalFolderBlobs
from plugins.storage.s3_bucket import S3BucketBlobs
from tests.contracts.object_store import running_swift
from tests.db.vaults import VaultRoom
from tests.servers.children import free_port

ORG = InstitutionId("org_a")
SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, ClassRunId("run_1"))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreSettings]:
    with running_swift(tmp_path_factory.mktemp("swift")) as settings:
        yield settings


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return open_store(tmp_path, StoreSettings())
    return open_store(tmp_path, request.getfixturevalue("bucket"))


def fresh() -> str:
    name = new_id("evd")
    return f"{name[-2:]}/{name}"


def test_what_is_put_is_got_byte_for_byte(blobs: BlobStore) -> None:
    for content in (b"", b"x", bytes(range(256)) * 4096):
        name = fresh()
        blobs.put(name, content)
        assert blobs.get(name) == content


def test_a_name_is_written_once(blobs: BlobStore) -> None:
    name = fresh()
    blobs.put(name, b"first")
    with pytest.raises(FileExistsError):
        blobs.put(name, b"second")
    with pytest.raises(FileExistsError):
        blobs.put(name, b"first")
    assert blobs.get(name) == b"first"


def test_one_of_several_writers_of_a_name_wins_in_a_folder_and_the_others_are_told(tmp_path: Path) -> None:
    # Swift lets two through that write in the same moment; the vault's names are never given twice.
    blobs = open_store(tmp_path, StoreSettings())
    name, told = fresh(), []

    def write(content: bytes) -> None:
        try:
            blobs.put(name, content)
        except FileExistsError:
            told.append(content)

    writers = [Thread(target=write, args=(bytes([number]) * 9,)) for number in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert len(told) == 3
    assert blobs.get(name) not in told


def test_what_is_not_there_is_not_found_and_goes_without_a_word(blobs: BlobStore) -> None:
    name = fresh()
    with pytest.raises(FileNotFoundError):
        blobs.get(name)
    blobs.delete(name)
    blobs.put(name, b"x")
    blobs.delete(name)
    blobs.delete(name)
    with pytest.raises(FileNotFoundError):
        blobs.get(name)


@pytest.mark.parametrize(
    "name", ["../x", "ab/../../x", "/etc/passwd", "ab", "ab/", "AB/xxxx", "ab/x y", "ab/%2e%2e"]
)
def test_a_name_that_the_vault_never_gave_is_refused(blobs: BlobStore, name: str) -> None:
    for ask in (blobs.get, blobs.delete, lambda one: blobs.put(one, b"x")):
        with pytest.raises(ValueError, match="blob's name"):
            ask(name)


def test_the_vault_writes_nothing_but_ciphertext_to_the_bucket(bucket: StoreSettings, tmp_path: Path) -> None:
    store = S3BucketBlobs(bucket)
    room = VaultRoom(f"sqlite:///{tmp_path / 'v.sqlite'}", tmp_path / "blobs")
    content = b"a face that must not be read" * 50
    with room.units.for_institution(ORG) as tx:
        evidence = Vault(tx, room.ring, store, room.receipts).put(SCOPE, content, "image/jpeg")
    stored = store.get(f"{evidence[-2:]}/{evidence}")
    assert content[:16] not in stored
    with room.units.for_institution(ORG) as tx:
        vault = Vault(tx, room.ring, store, room.receipts)
        assert vault.get(ORG, evidence) == content
        vault.destroy(SCOPE, reason="requested", by="stf_lin")
    with pytest.raises(FileNotFoundError):
        store.get(f"{evidence[-2:]}/{evidence}")
    room.close()


def test_two_bridges_in_one_bucket_do_not_see_each_other(bucket: StoreSettings) -> None:
    other = S3BucketBlobs(bucket.model_copy(update={"s3_prefix": "bridge-2/"}))
    name = fresh()
    S3BucketBlobs(bucket).put(name, b"one")
    other.put(name, b"two")
    assert (S3BucketBlobs(bucket).get(name), other.get(name)) == (b"one", b"two")


@pytest.mark.parametrize(
    "wrong", [{"s3_secret_key": "another"}, {"s3_access_key": "test:nobody"}, {"s3_bucket": "not-there"}]
)
def test_a_wrong_key_or_bucket_is_told_as_such(bucket: StoreSettings, wrong: dict[str, str]) -> None:
    store = S3BucketBlobs(bucket.model_copy(update=wrong))
    with pytest.raises((Unavailable, FileNotFoundError)) as told:
        store.put(fresh(), b"x")
    assert "another" not in str(told.value)


def test_a_store_that_nobody_answers_at_may_answer_later() -> None:
    nowhere = StoreSettings(
        evidence_store="s3", s3_endpoint=f"http://127.0.0.1:{free_port()}", s3_bucket="evidence",
        s3_access_key="a", s3_secret_key="b",
    )  # fmt: skip
    for ask in (
        lambda: S3BucketBlobs(nowhere).get(fresh()),
        lambda: S3BucketBlobs(nowhere).put(fresh(), b"x"),
    ):
        with pytest.raises(Unavailable) as told:
            ask()
        assert not told.value.permanent


def test_a_folder_is_what_a_bridge_starts_with(tmp_path: Path) -> None:
    assert isinstance(open_store(tmp_path, StoreSettings()), LocalFolderBlobs)


@pytest.mark.parametrize(
    "half",
    [
        {"s3_endpoint": "https://s3.example.cn"},
        {
            "s3_endpoint": "http://s3.example.cn",
            "s3_bucket": "evidence",
            "s3_access_key": "a",
            "s3_secret_key": "b",
        },
        {"s3_bucket": "evidence", "s3_access_key": "a", "s3_secret_key": "b"},
    ],
)
def test_half_a_bucket_is_no_setting(half: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="s3_"):
        StoreSettings(evidence_store="s3", **half)  # type: ignore[arg-type]  # some of its fields
