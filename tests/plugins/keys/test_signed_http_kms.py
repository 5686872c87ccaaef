"""The key service over real HTTP: what it wraps, what an outage does, and that nothing is lost by one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from bridge.db.file_master_key import FileMasterKey
from bridge.db.key_ring import KeyRing, open_root, root_is_under
from bridge.db.key_rotation import keys_under, rotate
from bridge.db.key_settings import KeySettings
from bridge.db.master_keys import Bare
from bridge.db.outbox import MAX_ATTEMPTS, Job, JobRow
from bridge.db.sealing import Tampered
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow, Vault
from bridge.kernel.errors import Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, JobId, LearnerRef
from bridge.kernel.time import FixedClock
from bridge.worker.runner import Runner, Work
from plugins.keys import signed_http_kms
from plugins.keys.signed_http_kms import SignedHttpKms, open_kms
from plugins.storage.local_folder import LocalFolderBlobs
from tests.db.vaults import VaultRoom
from tests.plugins.keys.kms_simulator import CALLER, SECRET, KmsSimulator

ORG = InstitutionId("org_a")
SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_FRAME, ClassRunId("run_1"))
CLOCK = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture
def service() -> Iterator[KmsSimulator]:
    simulator = KmsSimulator()
    yield simulator
    simulator.close()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed_http_kms, "_PAUSE_SECONDS", 0.0)


def kms(service: KmsSimulator, *, secret: str = SECRET) -> SignedHttpKms:
    return open_kms(
        KeySettings(master_key="kms", kms_url=service.url, kms_caller=CALLER, kms_secret=secret), CLOCK
    )


def test_keys_are_wrapped_and_unwrapped_many_at_once(service: KmsSimulator) -> None:
    bare = [Bare(bytes([number]) * 32, f"row {number}".encode()) for number in range(205)]
    wrapped = kms(service).wrap(bare)
    assert {one.under for one in wrapped} == {"kms:v1"}
    assert not any(one.key in two.sealed for one, two in zip(bare, wrapped, strict=True))
    assert kms(service).unwrap(wrapped) == [one.key for one in bare]
    assert service.asked == ["wrap"] * 3 + ["unwrap"] * 3


def test_the_service_is_described(service: KmsSimulator) -> None:
    service.make_version()
    facts = kms(service).describe()
    assert (facts.holder, facts.id, facts.older) == ("kms", "kms:v2", ("kms:v1",))


def test_a_wrapped_key_that_was_changed_or_belongs_elsewhere_is_refused(service: KmsSimulator) -> None:
    (wrapped,) = kms(service).wrap([Bare(bytes(32), b"here")])
    for other in (replace(wrapped, bound_to=b"there"), replace(wrapped, sealed=wrapped.sealed[:-1] + b"x")):
        with pytest.raises(Tampered):
            kms(service).unwrap([other])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("away", "kms_unavailable"),
        ("refuse", "kms_refused"),
        ("unsigned", "kms_unavailable"),
        ("other", "kms_unavailable"),
    ],
)
def test_a_service_that_does_not_answer_rightly_is_an_outage_worth_another_try(
    service: KmsSimulator, fault: str, reason: str
) -> None:
    (wrapped,) = kms(service).wrap([Bare(bytes(32), b"here")])
    service.fault = fault
    for ask in (
        lambda: kms(service).wrap([Bare(bytes(32), b"here")]),
        lambda: kms(service).unwrap([wrapped]),
        lambda: kms(service).describe(),
    ):
        with pytest.raises(Unavailable) as failed:
            ask()
        assert (failed.value.reason, failed.value.permanent) == (reason, False)


def test_a_service_that_is_gone_is_an_outage(service: KmsSimulator) -> None:
    service.close()
    with pytest.raises(Unavailable, match="kms_unavailable"):
        kms(service).describe()


def test_a_wrong_secret_is_refused(service: KmsSimulator) -> None:
    with pytest.raises(Unavailable, match="kms_refused"):
        kms(service, secret="x" * 40).describe()


def test_a_version_that_the_service_destroyed_opens_nothing(service: KmsSimulator) -> None:
    (wrapped,) = kms(service).wrap([Bare(bytes(32), b"here")])
    service.make_version()
    del service.keys["v1"]
    with pytest.raises(Unavailable, match="master_key_unknown"):
        kms(service).unwrap([wrapped])


def test_after_an_outage_the_next_questions_fail_at_once(
    service: KmsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_http_kms, "_PAUSE_SECONDS", 3600.0)
    asking = kms(service)
    service.fault = "away"
    for _ in range(3):
        with pytest.raises(Unavailable, match="kms_unavailable"):
            asking.describe()
    assert service.asked == ["describe"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kms_url": "http://kms.example.cn"},
        {"kms_url": "http://127.0.0.1.example.cn"},
        {"kms_url": ""},
        {"kms_secret": "short"},
        {"kms_caller": ""},
    ],
)
def test_settings_that_would_not_hold_are_refused(wrong: dict[str, str]) -> None:
    right = {"kms_url": "https://kms.example.cn", "kms_caller": CALLER, "kms_secret": SECRET}
    assert KeySettings(master_key="kms", **right).master_key == "kms"  # type: ignore[arg-type]  # texts all
    with pytest.raises(ValidationError, match="kms_"):
        KeySettings(master_key="kms", **(right | wrong))  # type: ignore[arg-type]  # texts all


@pytest.fixture
def room(database_url: str, tmp_path: Path, service: KmsSimulator) -> Iterator[VaultRoom]:
    built = VaultRoom(database_url, tmp_path / "blobs")
    built.ring = opened(service, tmp_path / "keys")
    yield built
    built.close()


def opened(service: KmsSimulator, folder: Path) -> KeyRing:
    master, file = kms(service), FileMasterKey(folder)
    return KeyRing(open_root(folder, master, [file]), master, [file])


def test_no_secret_lies_on_the_machine_and_a_restart_reads_all(
    room: VaultRoom, service: KmsSimulator, tmp_path: Path
) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [".lock", "root.wrapped"]
    assert room.ring.root.hex() not in (tmp_path / "keys" / "root.wrapped").read_text()
    room.ring = opened(service, tmp_path / "keys")
    with room.open() as vault:
        assert vault.get(ORG, evidence_id) == b"content"


def test_in_an_outage_nothing_is_read_or_half_written_and_afterwards_all_is_there(
    room: VaultRoom, service: KmsSimulator, tmp_path: Path
) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
    room.ring = opened(service, tmp_path / "keys")
    service.fault = "away"
    with pytest.raises(Unavailable, match="kms_unavailable"), room.open() as vault:
        vault.put(replace(SCOPE, subject="ln_2"), b"content", "x/y")
    with room.open() as vault, pytest.raises(Unavailable, match="kms_unavailable"):
        vault.get(ORG, evidence_id)
    assert len(list(room.folder.rglob("evd_*"))) == 1
    with pytest.raises(Unavailable, match="kms_unavailable"):
        opened(service, tmp_path / "keys")
    service.fault = ""
    with room.open() as vault:
        assert vault.get(ORG, evidence_id) == b"content"


def test_a_job_that_meets_an_outage_is_done_later_however_often_it_fails(
    room: VaultRoom, service: KmsSimulator, tmp_path: Path
) -> None:
    def keep(tx: Tx, job: Job, _prepared: object) -> None:
        blobs = LocalFolderBlobs(room.folder)
        Vault(tx, room.ring, blobs, room.receipts).put(replace(SCOPE, subject=job.key), b"content", "x/y")

    room.ring = opened(service, tmp_path / "keys")
    clock = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))
    runner = Runner(room.units, clock, {"test.keep": Work(apply=keep)})
    with room.units.for_institution(ORG) as tx:
        tx.want("test.keep", "ln_9")
    with room.units.across_institutions("test: the job", read_only=True) as tx:
        job_id = JobId(tx.session.scalars(select(JobRow.id)).one())
    service.fault = "away"
    for _ in range(MAX_ATTEMPTS + 3):
        runner.run(job_id)
        clock.advance(days=1)
    with room.units.across_institutions("test: the job", read_only=True) as tx:
        row = tx.session.get_one(JobRow, job_id)
        assert (row.state, row.last_error) == ("open", "kms_unavailable")
        assert tx.session.scalars(select(EvidenceRow.id)).all() == []
    service.fault = ""
    runner.run(job_id)
    with room.units.across_institutions("test: the job", read_only=True) as tx:
        assert tx.session.get_one(JobRow, job_id).state == "done"
        kept = EvidenceId(tx.session.scalars(select(EvidenceRow.id)).one())
    with room.open() as vault:
        assert vault.get(ORG, kept) == b"content"


def test_what_was_unwrapped_lately_is_not_asked_for_again_unless_a_key_was_destroyed(
    room: VaultRoom, service: KmsSimulator, tmp_path: Path
) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
        vault.put(replace(SCOPE, subject="ln_2"), b"content", "x/y")
    room.ring = opened(service, tmp_path / "keys")
    service.asked.clear()
    for _ in range(2):
        with room.open() as vault:
            vault.get(ORG, evidence_id)
    assert service.asked == ["unwrap"]
    with room.open() as vault:
        vault.destroy(replace(SCOPE, subject="ln_2"), reason="requested", by="stf_lin")
    with room.open() as vault:
        vault.get(ORG, evidence_id)
    assert service.asked == ["unwrap"] * 2


def test_another_version_at_the_service_is_taken_by_a_rotation(
    room: VaultRoom, service: KmsSimulator, tmp_path: Path
) -> None:
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
    service.make_version()
    assert rotate(room.ring, tmp_path / "keys", room.units) == "kms:v2"
    assert keys_under(room.units) == {"kms:v2": 1}
    del service.keys["v1"]
    room.ring = opened(service, tmp_path / "keys")
    with room.open() as vault:
        assert vault.get(ORG, evidence_id) == b"content"


def test_an_outage_in_the_midst_of_a_rotation_loses_nothing(
    room: VaultRoom, service: KmsSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.db.key_rotation.SLICE", 1)
    with room.open() as vault:
        made = [vault.put(replace(SCOPE, subject=f"ln_{at}"), b"content", "x/y") for at in range(3)]
    service.make_version()

    def go_away(_done: int) -> None:
        service.fault = "away"
        room.ring.forget()

    with pytest.raises(Unavailable, match="kms_unavailable"):
        rotate(room.ring, tmp_path / "keys", room.units, go_away)
    service.fault = ""
    assert keys_under(room.units) == {"kms:v1": 2, "kms:v2": 1}
    with room.open() as vault:
        assert [vault.get(ORG, one) for one in made] == [b"content"] * 3
    assert rotate(room.ring, tmp_path / "keys", room.units) == "kms:v2"
    assert keys_under(room.units) == {"kms:v2": 3}


def test_an_installation_moves_from_a_file_to_the_service(
    database_url: str, service: KmsSimulator, tmp_path: Path
) -> None:
    folder, room = tmp_path / "keys", VaultRoom(database_url, tmp_path / "blobs")
    file = FileMasterKey(folder)
    room.ring = KeyRing(open_root(folder, file), file)
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"content", "x/y")
    room.ring = opened(service, folder)
    with room.open() as vault:
        assert vault.get(ORG, evidence_id) == b"content"
    assert rotate(room.ring, folder, room.units) == "kms:v1"
    assert root_is_under(folder) == "kms:v1"
    (folder / "master.key").unlink()
    room.ring = opened(service, folder)
    with room.open() as vault:
        assert vault.get(ORG, evidence_id) == b"content"
    room.close()
