"""Each place in which a bridge writes is looked into, and what cannot be is told."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from sqlalchemy import text

from bridge.cli import main
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.privacy.needles import read_needles
from bridge.privacy.scan import Hit, Searched, search
from bridge.settings import Mode, Settings
from bridge.wiring import House
from tests.servers.tables import migrate
from tests.web.furnished import CHEN, ORG, RUN, Furnished, furnish

PHONE, EMAIL = "13800138000", "canary@lms.example"
NEEDLES = read_needles([PHONE, EMAIL])
SCOPE = EvidenceScope(ORG, "elr_x", EvidencePurpose.ID_PHOTO, RUN)


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Iterator[House]:
    house = House.build(Settings(mode=Mode.DEMONSTRATION, var=tmp_path, database_url=database_url))
    migrate(house.engine)
    yield house
    house.close()


def places(done: Searched) -> set[str]:
    return {hit.place for hit in done.hits}


def put(house: House, content: bytes) -> str:
    with house.uow.for_institution(ORG) as tx:
        return house.at(tx).vault.put(SCOPE, content, "application/octet-stream")


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", content)
    return packed.getvalue()


def test_nothing_is_found_where_nothing_is(furnished: Furnished) -> None:
    done = search(furnished.house, NEEDLES, [])
    assert (done.hit_count, done.not_searched) == (0, {})
    assert all(done.bytes_in[area] for area in ("database", "data folder"))


def test_tables_that_nobody_knows_and_numbers_in_them_are_looked_into(empty: House) -> None:
    with empty.engine.begin() as connection:
        connection.execute(text("CREATE TABLE forgotten (id VARCHAR(9) PRIMARY KEY, n BIGINT, note TEXT)"))
        connection.execute(
            text("INSERT INTO forgotten VALUES ('r1', :n, :note)"), {"n": int(PHONE), "note": f"to {EMAIL}"}
        )
    done = search(empty, NEEDLES, [])
    assert {
        Hit("database: forgotten.n", "r1", 1, "utf-8"),
        Hit("database: forgotten.note", "r1", 2, "utf-8"),
    } <= set(done.hits)


def test_an_encrypted_field_is_opened(furnished: Furnished) -> None:
    done = search(furnished.house, read_needles([CHEN]), [])
    assert places(done) == {"database: enrolment_list_row.name_enc"}


def test_a_field_that_another_key_wrote_is_told(furnished: Furnished) -> None:
    with furnished.house.engine.begin() as connection:
        connection.execute(text("UPDATE enrolment_list_row SET name_enc = 'v1.AAAA'"))
    done = search(furnished.house, NEEDLES, [])
    assert ("database: enrolment_list_row.name_enc", "encrypted field cannot be opened") in done.not_searched


@pytest.mark.parametrize(
    "pack", [bytes, zipped, gzip.compress, lambda content: gzip.compress(zipped(content))]
)
def test_evidence_is_opened_and_unpacked(furnished: Furnished, pack: "type[bytes]") -> None:
    evidence = put(furnished.house, pack(f"see {EMAIL}".encode()))
    done = search(furnished.house, NEEDLES, [])
    assert Hit("evidence: id_photo", evidence, 2, "utf-8") in done.hits


@pytest.mark.parametrize(
    "content",
    [zipped(b"x" * 500)[:-30], b"%PDF-1.7 and no more", gzip.compress(b"x")[:-4]],
    ids=["zip", "pdf", "gzip"],  # the bytes hold the time, and every worker must collect the same names
)
def test_an_archive_that_does_not_open_is_told(furnished: Furnished, content: bytes) -> None:
    put(furnished.house, content)
    done = search(furnished.house, NEEDLES, [])
    assert [place for place, _why in done.not_searched] == ["evidence: id_photo"]


def test_evidence_whose_key_is_destroyed_is_no_longer_found(furnished: Furnished) -> None:
    put(furnished.house, EMAIL.encode())
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).vault.destroy(SCOPE, reason="requested", by="stf_lin")
    assert search(furnished.house, NEEDLES, []).hit_count == 0


def test_what_a_database_deleted_and_did_not_overwrite_is_found_in_its_file(furnished: Furnished) -> None:
    for statement in ("CREATE TABLE gone (note TEXT)", "INSERT INTO gone VALUES (:note)", "DELETE FROM gone"):
        with furnished.house.engine.begin() as connection:
            connection.execute(text(statement), {"note": EMAIL} if ":note" in statement else {})
    done = search(furnished.house, NEEDLES, [])
    assert any(place.startswith("data folder: anxue.sqlite3") for place in places(done))


def test_files_are_read_across_the_borders_of_pieces_and_by_their_names(
    furnished: Furnished, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "long.log").write_bytes(b"x" * ((1 << 20) - 5) + EMAIL.encode() + b"x" * 100)
    (logs / f"{PHONE}.csv").touch()
    done = search(furnished.house, NEEDLES, [logs])
    # What was found in a name is not repeated.
    assert places(done) == {f"{logs}: long.log", f"{logs}: "}
    assert PHONE not in repr(done.hits)


def test_the_queue_in_redis_is_read(empty: House, redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.lpush("celery", json.dumps({"body": EMAIL}))
        client.hset("unacked", "tag", PHONE)
        client.set("s", "nothing")
    empty.settings.broker_url = redis_url
    done = search(empty, NEEDLES, [])
    assert {(hit.place, hit.row, hit.line) for hit in done.hits} == {
        ("queue: redis", "celery", 2),
        ("queue: redis", "unacked", 1),
    }


def test_a_queue_that_cannot_be_read_in_place_is_told(empty: House) -> None:
    empty.settings.broker_url = "amqp://nowhere"
    assert [place for place, _why in search(empty, NEEDLES, []).not_searched] == ["queue: broker"]


def run(furnished: Furnished, monkeypatch: pytest.MonkeyPatch, *strings: str) -> Result:
    listed = furnished.house.settings.var / "strings.txt"
    listed.write_text("\n".join(strings), encoding="utf-8")
    monkeypatch.setenv("ANXUE_VAR", str(furnished.house.settings.var))
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    return CliRunner().invoke(main, ["privacy", "scan", "--strings", str(listed), "--json"])


def test_the_command_says_by_its_exit_status_what_it_found(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(furnished, monkeypatch, EMAIL).exit_code == 0
    assert run(furnished, monkeypatch, "x").exit_code == 1
    put(furnished.house, b"%PDF-1.7 and no more")
    assert run(furnished, monkeypatch, EMAIL).exit_code == 3
    put(furnished.house, EMAIL.encode())
    ended = run(furnished, monkeypatch, PHONE, EMAIL)
    told = json.loads(ended.stdout)
    assert (ended.exit_code, told["found"], told["hits"][0]["line"]) == (1, 1, 2)
    assert EMAIL not in ended.output
