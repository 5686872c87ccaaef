import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bagit
import pytest
from click.testing import CliRunner

from bridge.archive import tar
from bridge.archive.commands import archive_commands
from bridge.archive.missing import missing_of_learner
from bridge.archive.model import ITEMS
from bridge.archive.service import ArchiveService
from bridge.archive.store import SqlArchiveStore
from bridge.archive.verification import verify
from bridge.completion.model import IssuedPaper
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import FixedClock, epoch_ms
from bridge.ledger.model import LedgerHead, next_entry, write_ledger
from plugins.archive.bagit_bag import BagitBag
from tests.completion.papers import (
    CITIZEN_ID,
    EARNED,
    EMPLOYER,
    INSTITUTION,
    LEARNER,
    NAME,
    NOW,
    RUN,
    SHEET,
    Hours,
    Identities,
    Sheets,
    Someone,
    Told,
    issued,
)
from tests.contracts.memory_evidence import MemoryEvidence
from tests.servers.tables import make_tables

PDF = b"%PDF-1.7 made up"
ENTRIES: list[Any] = []
_head = LedgerHead()
for _seq, _data in enumerate(
    ({"learner": LEARNER, "class_run": RUN, "unit": "quiz", "score": "88"},), start=1
):
    _entry = next_entry(_head, at_ms=epoch_ms(NOW), kind="test", packs=(), data=_data)
    _head = LedgerHead(_entry.seq, _entry.hash)
    ENTRIES.append(_entry)
LEDGER = write_ledger(SHEET.to_json(), ENTRIES)


@dataclass
class Surroundings:
    """Ledger, checks and papers, made up."""

    numbered: list[IssuedPaper] = field(default_factory=lambda: [issued(pdf=PDF)])

    def export_jsonl(self, learner: LearnerRef, class_run: ClassRunId) -> bytes:
        return LEDGER

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> list[dict[str, Any]]:
        return [{"kind": "random", "outcome": "passed", "frames_sha256": ["0" * 64]}]

    def papers(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[IssuedPaper, ...]:
        return tuple(self.numbered)

    def pdf(self, paper: IssuedPaper) -> bytes:
        return PDF


@dataclass
class House:
    uow: UnitOfWork
    around: Surroundings = field(default_factory=Surroundings)
    evidence: MemoryEvidence = field(default_factory=MemoryEvidence)
    told: Told = field(default_factory=Told)
    identities: Identities = field(default_factory=Identities)
    whole: bool = True

    def do(self, use: Callable[[ArchiveService], Any]) -> Any:
        with self.uow.for_institution(INSTITUTION) as tx:
            return use(
                ArchiveService(
                    SqlArchiveStore(tx),
                    sheets=Sheets(),
                    hours=Hours(replace(EARNED, ledger_head=_head.hash, whole=self.whole)),
                    ledger=self.around,
                    checks=self.around,
                    papers=self.around,
                    identity=self.identities,
                    bags=BagitBag(),
                    evidence=self.evidence,
                    events=self.told,
                    clock=FixedClock(NOW),
                )
            )


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    engine = open_engine(database_url)
    make_tables(engine)
    yield House(UnitOfWork(engine, FixedClock(NOW)))
    engine.dispose()


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A sealed learner's file in a folder; sealed on SQLite."""
    engine = open_engine(f"sqlite:///{tmp_path / 'archive.sqlite3'}")
    make_tables(engine)
    sealed_in = House(UnitOfWork(engine, FixedClock(NOW)))
    sealed_in.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    folder = tmp_path / "bag"
    sealed_in.do(lambda archive: archive.take_out(LEARNER, RUN, folder))
    engine.dispose()
    return folder


def test_a_foreigners_number_is_called_what_it_is(house: House, tmp_path: Path) -> None:
    house.identities.person = Someone(citizen_id="E12345678")
    house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    house.do(lambda archive: archive.take_out(LEARNER, RUN, tmp_path / "bag"))
    identity = json.loads((tmp_path / "bag" / "data" / "1-identity.json").read_text())
    assert identity["证件号码(护照)"] == "E12345678"
    assert "公民身份号码" not in identity


def test_a_file_holds_the_seven_items_and_is_a_bag_for_others_too(bag: Path) -> None:
    assert verify(bag, BagitBag()) == ()
    bagit.Bag(str(bag)).validate()
    data = bag / "data"
    assert {path.name for path in data.glob("*-*.json")} == set(ITEMS)
    identity = json.loads((data / "1-identity.json").read_text())
    assert (identity["姓名"], identity["公民身份号码"]) == (NAME, CITIZEN_ID)
    assert json.loads((data / "2-employer.json").read_text()) == {"工作单位": EMPLOYER}
    assert json.loads((data / "7-test.json").read_text())["测试"][0]["score"] == "88"
    assert (data / "ledger.jsonl").read_bytes() == LEDGER


def test_no_file_is_sealed_from_a_snapshot(house: House) -> None:
    house.whole = False
    with pytest.raises(RuntimeError, match="whole ledger"):
        house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))


def test_sealing_again_without_anything_new_is_the_same_revision(house: House) -> None:
    first = house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    again = house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    assert again == first
    assert house.told.types() == ["archive.sealed"]
    assert house.identities.log == [(LEARNER, "seal_learner_file", INSTITUTION, "archive")]


def test_a_second_paper_makes_a_second_revision_and_the_first_stays(house: House) -> None:
    first = house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    house.around.numbered.append(issued(pdf=PDF))
    second = house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    assert (first.revision, second.revision) == (1, 2)
    assert len(second.papers) == 2
    assert sha256_hex(house.evidence.get(INSTITUTION, first.evidence_id)) == first.bag_sha256


def test_a_paper_that_ended_makes_a_revision_that_says_so(house: House) -> None:
    house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    house.around.numbered[0] = replace(house.around.numbered[0], status="revoked")
    again = house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    assert again.revision == 2
    assert again.papers == (f"{house.around.numbered[0].number} revoked",)
    assert house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN)) == again


def test_a_paper_whose_file_was_destroyed_is_named_and_the_rest_stands(house: House, tmp_path: Path) -> None:
    def gone(paper: IssuedPaper) -> bytes:
        raise InvalidInput("evidence_unknown", "已按规定销毁", http_status=404)

    house.around.pdf = gone  # type: ignore[method-assign]
    found = house.do(lambda archive: archive.as_it_stands(LEARNER, RUN, purpose="p", recipient="r", by="b"))
    number = house.around.numbered[0].number
    assert [one["文件"] for one in found.items["6-completion.json"]["证明文件"]] == [None]
    assert any(number in one.sentence_zh for one in missing_of_learner(found.items))
    for path, content in BagitBag().seal(found.files, {}).items():
        (tmp_path / "bag" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bag" / path).write_bytes(content)
    assert verify(tmp_path / "bag", BagitBag()) == ()


def test_the_same_file_sealed_twice_is_the_same_bytes(tmp_path: Path) -> None:
    around = Surroundings()
    hashes = set()
    for name in ("a", "b"):
        engine = open_engine(f"sqlite:///{tmp_path / name}")
        make_tables(engine)
        sealed = House(UnitOfWork(engine, FixedClock(NOW)), around=around).do(
            lambda archive: archive.seal_learner_file(LEARNER, RUN)
        )
        hashes.add(sealed.bag_sha256)
        engine.dispose()
    assert len(hashes) == 1


def _files(bag: Path) -> list[str]:
    return sorted(path.relative_to(bag).as_posix() for path in bag.rglob("*") if path.is_file())


def test_any_changed_byte_of_any_file_is_refused_and_the_file_named(bag: Path) -> None:
    for name in _files(bag):
        path = bag / name
        sound = path.read_bytes()
        for at in sorted({0, len(sound) // 3, len(sound) // 2, len(sound) - 1}):
            for changed in (sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :], sound[:at], sound + b"\n"):
                path.write_bytes(changed)
                faults = verify(bag, BagitBag())
                assert any(name in fault.sentence_zh for fault in faults), (name, at)
        path.write_bytes(sound)
    assert verify(bag, BagitBag()) == ()


def test_any_removed_or_renamed_file_is_refused_and_named(bag: Path) -> None:
    for name in _files(bag):
        path = bag / name
        away = bag.parent / "away"
        shutil.move(path, away)
        assert any(name in fault.sentence_zh for fault in verify(bag, BagitBag())), name
        shutil.move(away, path.with_name("renamed"))
        assert any(name in fault.sentence_zh for fault in verify(bag, BagitBag())), name
        shutil.move(path.with_name("renamed"), path)


@pytest.mark.parametrize(
    "name", ["extra.txt", "data/extra.json", "data/certificates/extra.pdf", ".hidden", "fetch.txt"]
)
def test_an_added_file_is_refused_and_named(bag: Path, name: str) -> None:
    (bag / name).write_bytes(b"x")
    assert any(name in fault.sentence_zh for fault in verify(bag, BagitBag()))


def test_a_link_is_refused_wherever_it_leads(bag: Path) -> None:
    path = bag / "data" / "checks.json"
    content = path.read_bytes()
    (bag.parent / "outside.json").write_bytes(content)
    path.unlink()
    path.symlink_to(bag.parent / "outside.json")
    assert {fault.code for fault in verify(bag, BagitBag())} == {"not_a_plain_file"}


@pytest.mark.parametrize(
    "declaration",
    [
        "BagIt-Version : 1.0\nTag-File-Character-Encoding: UTF-8\n",
        " BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version:  1.0\nTag-File-Character-Encoding: UTF-8\n",
        "\ufeffBagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
    ],
)
def test_blanks_in_the_declaration_are_refused_even_if_the_manifests_agree(
    bag: Path, declaration: str
) -> None:
    _reseal(bag, {"bagit.txt": declaration.encode()})
    assert "declaration_changed" in {fault.code for fault in verify(bag, BagitBag())}


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "data/../../outside", "data/%2e%2e/x", "data\\x"]
)
def test_a_manifest_that_leads_outside_is_refused(bag: Path, path: str) -> None:
    manifest = bag / "manifest-sha256.txt"
    _reseal(bag, {manifest.name: manifest.read_bytes() + f"{'0' * 64}  {path}\n".encode()})
    assert "path_unsafe" in {fault.code for fault in verify(bag, BagitBag())}


def test_a_bag_made_anew_around_another_ledger_or_paper_is_refused(bag: Path) -> None:
    def forged(name: str, change: Callable[[bytes], bytes]) -> set[str]:
        copy = bag.parent / f"forged-{name.replace('/', '-')}"
        files = {p.relative_to(bag / "data").as_posix(): p.read_bytes() for p in (bag / "data").rglob("*.*")}
        files[name] = change(files[name])
        for path, content in BagitBag().seal(files, {}).items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(content)
        return {fault.code for fault in verify(copy, BagitBag())}

    paper = next((bag / "data" / "certificates").iterdir()).name
    assert forged(f"certificates/{paper}", lambda pdf: pdf + b" ") == {"paper_changed"}
    assert forged("ledger.jsonl", lambda ledger: ledger.replace(b'"88"', b'"98"')) == {
        "ledger_changed",
        "head_differs",
    }
    assert forged("7-test.json", lambda _: b"{") == {"item_malformed"}
    assert forged("index.json", lambda _: b"{}") == {"item_malformed"}
    assert forged("1-identity.json", lambda same: same) == set()


def test_the_command_says_what_is_wrong_and_fails(bag: Path) -> None:
    run = CliRunner()
    good = run.invoke(archive_commands(BagitBag), ["verify", str(bag), "--json"])
    assert good.exit_code == 0
    assert good.stdout.count("\n") == 1
    assert json.loads(good.stdout)["valid"] is True
    assert NAME not in good.stdout
    assert CITIZEN_ID not in good.stdout
    (bag / "data" / "ledger.jsonl").write_bytes(LEDGER + b" ")
    bad = run.invoke(archive_commands(BagitBag), ["verify", str(bag), "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["faults"][0]["path"] == "data/ledger.jsonl"
    nowhere = run.invoke(archive_commands(BagitBag), ["verify", str(bag / "nowhere")])
    assert nowhere.exit_code == 1
    assert "nowhere" in nowhere.stderr


def test_storage_that_gives_other_bytes_is_found_out(house: House, tmp_path: Path) -> None:
    house.do(lambda archive: archive.seal_learner_file(LEARNER, RUN))
    house.evidence.get = lambda institution_id, evidence_id: b"other"  # type: ignore[method-assign]
    with pytest.raises(InvalidInput, match="archive_changed"):
        house.do(lambda archive: archive.take_out(LEARNER, RUN, tmp_path / "out"))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="archive_folder_not_empty"):
        tar.unpack(tar.pack({"a": b"b"}, NOW), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_tar_that_leads_outside_writes_nothing(tmp_path: Path) -> None:
    for path in ("../outside", "/outside"):
        with pytest.raises(InvalidInput, match="archive_tar_malformed"):
            tar.unpack(tar.pack({path: b"x"}, NOW), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_payload_path_that_is_not_plain_is_never_sealed() -> None:
    for path in ("../x", "/x", "a//b", "a b", "中", ".x"):
        with pytest.raises(ValueError, match="unsafe"):
            BagitBag().seal({path: b""}, {})


def _reseal(bag: Path, changed: dict[str, bytes]) -> None:
    """Write `changed` tag files and make the tag manifests agree, as a careful forger would."""
    import hashlib

    for name, content in changed.items():
        (bag / name).write_bytes(content)
    names = sorted(["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt"])
    for algorithm in ("sha256", "sha512"):
        lines = (f"{hashlib.new(algorithm, (bag / n).read_bytes()).hexdigest()}  {n}\n" for n in names)
        (bag / f"tagmanifest-{algorithm}.txt").write_text("".join(lines))
