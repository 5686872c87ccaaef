"""Whole tables as Parquet: allowed by two people, masked, noted, the same rows as the API, read by another engine."""

import hashlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bridge.identity.access_log import newest
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import FixedClock
from bridge.supervision.api_queries import SqlApiQueries
from bridge.supervision.export_tables import PREFIX, TABLES
from bridge.supervision.list_exports import ListExports, Owner
from bridge.supervision.rollups import SETTLES_FOR
from bridge.wiring import parquet_files
from tests.web.api_peer import rows_of
from tests.web.furnished import CHEN, CHEN_ID, ORG, Furnished, token
from tests.web.read_api import Program, program
from tests.web.test_authority_desk import second_official, send

Finished = tuple[Furnished, str, LearnerRef, str]
OFFICE = Owner(division_code="440100")
LISTS = {
    "institutions": "/institutions",
    "class_runs": "/class-runs",
    "hours": "/hours",
    "papers": "/papers",
    "figures": "/figures?days=92",
}


def allow(house: Furnished, table: str, owner: Owner = OFFICE, *, decide: bool = True) -> str:
    """Return an export that one official asked for and another allowed."""
    with house.house.uow.across_institutions("test: an export") as tx:
        exports = ListExports(tx.session, house.clock, owner)
        export = exports.ask(
            f"{PREFIX}{table}", None, purpose="年度统计分析", recipient="市局统计室", by="st_asks"
        )
        if decide:
            exports.decide(export, allow=True, by="st_allows")
    return export


@pytest.fixture
def settled(finished_alone: Finished) -> Finished:
    """A house whose figures are counted, with the clock that it goes by."""
    made, account, learner, number = finished_alone
    clock = made.house.clock
    assert isinstance(clock, FixedClock)
    house = Furnished(made.house, made.app, clock)
    for _ in range(2):
        clock.advance(seconds=int(SETTLES_FOR.total_seconds()) + 1)
        house.work_off()
    return house, account, learner, number


@pytest.fixture
def reader(settled: Finished) -> Program:
    house = settled[0]
    return program(house.house, house.client(), division="440100")


def fetched(reader: Program, export: str, folder: Path) -> Path:
    answer = reader.get(f"/exports/{export}.parquet")
    assert answer.status_code == 200, answer.text
    path = folder / "table.parquet"
    path.write_bytes(answer.data)
    return path


@pytest.mark.parametrize("table", sorted(LISTS))
def test_another_engine_reads_the_rows_that_the_api_lists(
    settled: Finished, reader: Program, tmp_path: Path, table: str
) -> None:
    path = fetched(reader, allow(settled[0], table), tmp_path)

    rows = rows_of(path, "SELECT * FROM read_parquet(?)")

    names = [column.name for column in TABLES[table].columns]
    listed = reader.items(LISTS[table])
    assert listed
    assert [list(row) for row in rows] == [names] * len(listed)
    assert [plain(row) for row in rows] == [plain({name: row[name] for name in names}) for row in listed]


def plain(row: dict[str, Any]) -> dict[str, str]:
    """Return values in the words that DuckDB and JSON have in common."""
    return {
        name: str(value).replace("T", " ").replace("Z", "").replace("+00:00", "")
        for name, value in row.items()
        if name != "registrations"
    }


def test_learners_are_masked_and_each_is_a_logged_disclosure(
    settled: Finished, reader: Program, tmp_path: Path
) -> None:
    house, _account, learner, number = settled
    export = allow(house, "learners")

    path = fetched(reader, export, tmp_path)

    (row,) = [one for one in rows_of(path, "SELECT * FROM read_parquet(?)") if one["learner"] == learner]
    assert row["hour_certificate"] == number
    assert (row["masked_name"], row["masked_citizen_id"]) == ("陈*安", "440***********1219")
    assert CHEN.encode() not in path.read_bytes()
    assert CHEN_ID.encode() not in path.read_bytes()
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        last = newest(tx, learner=learner, before=None, limit=1)[0]
    assert last.purpose.startswith(f"supervision: {export}")
    assert (last.recipient, last.by) == ("市局统计室", reader.client_id)


def test_a_table_with_names_wants_the_scope_of_learners_as_well(settled: Finished) -> None:
    house = settled[0]
    export = allow(house, "learners")
    narrow = program(house.house, house.client(), division="440100", scopes=("exports:read", "hours:read"))

    refused = narrow.get(f"/exports/{export}.parquet")

    assert (refused.status_code, refused.get_json()["reason"]) == (403, "insufficient_scope")
    with house.house.uow.across_institutions("test", read_only=True) as tx:
        assert ListExports(tx.session, house.clock, OFFICE).one(export).fetched == ()
    assert narrow.get(f"/exports/{allow(house, 'hours')}.parquet").status_code == 200


def test_what_was_handed_out_is_noted_with_its_hash_and_says_itself_whose_it_is(
    settled: Finished, reader: Program, tmp_path: Path
) -> None:
    house = settled[0]
    export = allow(house, "class_runs")
    answer = reader.get(f"/exports/{export}.parquet")
    sha256 = hashlib.sha256(answer.data).hexdigest()
    path = tmp_path / "table.parquet"
    path.write_bytes(answer.data)

    with house.house.uow.across_institutions("test", read_only=True) as tx:
        (noted,) = ListExports(tx.session, house.clock, OFFICE).one(export).fetched
    assert (noted[0], noted[2], noted[3]) == (reader.client_id, sha256, 1)
    digest = answer.headers["Repr-Digest"].removeprefix("sha-256=:").removesuffix(":")
    assert b64decode(digest).hex() == sha256
    told = {name.decode(): value.decode() for name, value in pq.read_schema(path).metadata.items()}
    assert (told["anxue.schema"], told["anxue.export"]) == ("class_runs/1", export)
    assert (told["anxue.purpose"], told["anxue.recipient"]) == ("年度统计分析", "市局统计室")
    assert told["anxue.allowed_by"] == "st_allows"


def test_nothing_leaves_before_it_is_allowed_after_its_time_or_to_another_office(
    settled: Finished, reader: Program
) -> None:
    house = settled[0]
    waiting = allow(house, "hours", decide=False)
    elsewhere = allow(house, "hours", Owner(division_code="440300"))
    mine = allow(house, "hours")

    assert reader.get(f"/exports/{waiting}.parquet").get_json()["reason"] == "export_not_allowed"
    assert reader.get(f"/exports/{elsewhere}.parquet").status_code == 404
    assert [row["export"] for row in reader.items("/exports")] == [mine]
    house.clock.advance(seconds=7 * 24 * 3600)
    later = program(house.house, house.client(), division="440100")
    assert later.items("/exports") == []
    assert later.get(f"/exports/{mine}.parquet").status_code == 409


def test_a_list_for_excel_is_no_whole_table(settled: Finished, reader: Program) -> None:
    house = settled[0]
    with house.house.uow.across_institutions("test: an export") as tx:
        exports = ListExports(tx.session, house.clock, OFFICE)
        listed = exports.ask("signals", None, purpose="年度统计", recipient="统计室甲", by="st_asks")
        exports.decide(listed, allow=True, by="st_allows")

    assert reader.items("/exports") == []
    assert reader.get(f"/exports/{listed}.parquet").get_json()["reason"] == "export_kind_unknown"


def test_a_table_is_written_in_groups_of_rows_page_by_page(
    settled: Finished, reader: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = settled[0]
    house.enrol("lms-user-1002", "黄志强", "440199198511151317")
    monkeypatch.setattr(parquet_files, "PAGE_ROWS", 1)
    monkeypatch.setattr(parquet_files, "GROUP_ROWS", 1)

    path = fetched(reader, allow(house, "hours"), tmp_path)

    assert pq.ParquetFile(path).num_row_groups == 2
    assert len({row["learner"] for row in rows_of(path, "SELECT learner FROM read_parquet(?)")}) == 2


def test_one_table_is_made_at_a_time(settled: Finished, reader: Program) -> None:
    export = allow(settled[0], "hours")
    with parquet_files.alone():
        busy = reader.get(f"/exports/{export}.parquet")
        with pytest.raises(Unavailable, match="export_busy"), parquet_files.alone():
            raise AssertionError("two at a time")
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "30")
    assert reader.get(f"/exports/{export}.parquet").status_code == 200


def test_every_table_is_a_list_of_the_api_and_has_its_columns(settled: Finished) -> None:
    house = settled[0]
    assert set(TABLES) == set(parquet_files._LISTED)
    for name in TABLES:
        assert hasattr(SqlApiQueries, name), name
        allow(house, name)
    reader = program(house.house, house.client(), division="440100")
    for row in reader.items("/exports"):
        assert reader.get(f"/exports/{row['export']}.parquet").status_code == 200, row["table"]


def test_the_official_who_asked_fetches_it_on_the_page_as_well(settled: Finished) -> None:
    house = settled[0]
    first, second = house.as_staff("official-guangzhou"), second_official(house)
    asked = {"kind": "pq_papers", "purpose": "年度统计分析", "recipient": "市局统计室"}
    assert send(first, "/authority/exports", "/authority/exports", **asked)[0] == 303
    with house.house.uow.across_institutions("test", read_only=True) as tx:
        export = ListExports(tx.session, house.clock, OFFICE).all()[0].id
    at = f"/authority/exports/{export}"
    assert send(second, f"{at}/decide", "/authority/exports", do="allow")[0] == 303
    file = first.post(f"{at}/fetch", data={"csrf_token": token(first, "/authority/exports")})
    assert (file.status_code, file.mimetype) == (200, "application/vnd.apache.parquet")
    assert file.data[:4] == file.data[-4:] == b"PAR1"


def test_an_institutions_figures_are_the_sum_of_its_own_days(settled: Finished, reader: Program) -> None:
    house = settled[0]
    own = program(house.house, house.client(), institution=ORG)

    figures = own.items("/figures")

    assert figures
    assert figures == reader.items("/figures"), "it is the only institution of that city"
