"""Lists that leave the house: a second person allows them, each fetch is noted, and the columns are data."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy.orm import Session

from bridge.db.engine import open_engine
from bridge.kernel.errors import InvalidInput, NotPermitted, Unavailable
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from bridge.settings import ROOT
from bridge.supervision.eligibility import ITEMS, REQUIREMENTS, Candidate, missing, sheet
from bridge.supervision.list_exports import FETCHED_WITHIN, ListExports, Owner
from bridge.web.list_workbook import Watermark, list_workbook
from bridge.wiring.list_files import MAPPING, read_mapping
from tests.completion.papers import NOW
from tests.servers.tables import make_tables

CITY = Owner(division_code="440300")


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = open_engine(database_url)
    make_tables(engine)
    with Session(engine, info={"across": "test"}) as session:
        yield session
    engine.dispose()


def asked(exports: ListExports) -> str:
    return exports.ask("class_runs", None, purpose="年度检查", recipient="市应急管理局", by="st_1")


def test_nobody_allows_their_own_export_and_a_decision_is_final(session: Session) -> None:
    exports = ListExports(session, FixedClock(NOW), CITY)
    export = asked(exports)
    with pytest.raises(NotPermitted, match="second_person_required"):
        exports.decide(export, allow=True, by="st_1")
    with pytest.raises(InvalidInput, match="export_not_allowed"):
        exports.note_fetch(export, sha256="0" * 64, row_count=1, by="st_1")
    exports.decide(export, allow=False, by="st_2")
    with pytest.raises(InvalidInput, match="export_decided"):
        exports.decide(export, allow=True, by="st_3")
    with pytest.raises(InvalidInput, match="export_not_allowed"):
        exports.note_fetch(export, sha256="0" * 64, row_count=1, by="st_1")


def test_each_fetch_is_noted_and_there_is_none_after_a_week(session: Session) -> None:
    clock = FixedClock(NOW)
    exports = ListExports(session, clock, CITY)
    export = asked(exports)
    exports.decide(export, allow=True, by="st_2")
    for number in (1, 2):
        exports.note_fetch(export, sha256=str(number) * 64, row_count=number, by="st_1")
    assert [(by, rows) for by, _, _, rows in exports.one(export).fetched] == [("st_1", 1), ("st_1", 2)]
    late = ListExports(session, FixedClock(NOW + FETCHED_WITHIN), CITY)
    with pytest.raises(InvalidInput, match="export_not_allowed"):
        late.note_fetch(export, sha256="3" * 64, row_count=3, by="st_1")
    almost = ListExports(session, FixedClock(NOW + FETCHED_WITHIN - timedelta(seconds=1)), CITY)
    almost.note_fetch(export, sha256="3" * 64, row_count=3, by="st_1")


def test_an_export_is_its_owners_alone(session: Session) -> None:
    export = asked(ListExports(session, FixedClock(NOW), CITY))
    for other in (Owner(division_code="440000"), Owner(institution=InstitutionId("in_szcity"))):
        exports = ListExports(session, FixedClock(NOW), other)
        assert exports.all() == []
        with pytest.raises(InvalidInput, match="export_unknown"):
            exports.decide(export, allow=True, by="st_2")


@pytest.mark.parametrize(
    ("kind", "subject", "purpose", "reason"),
    [
        ("eligibility", "cr_1", "报名考试", "export_kind_unknown"),
        ("learners", None, "年度检查", "export_subject_missing"),
        ("class_runs", "cr_1", "年度检查", "export_subject_missing"),
        ("class_runs", None, "查", "export_text_malformed"),
    ],
)
def test_what_is_asked_for_is_one_of_the_owners_lists_with_a_purpose(
    session: Session, kind: str, subject: str | None, purpose: str, reason: str
) -> None:
    exports = ListExports(session, FixedClock(NOW), CITY)
    with pytest.raises(InvalidInput, match=reason):
        exports.ask(kind, subject, purpose=purpose, recipient="市应急管理局", by="st_1")


def test_the_file_says_on_screen_row_and_paper_whose_copy_it_is() -> None:
    mark = Watermark("lex_1", "年度检查", "市局 & 分局", "official-2", "official-1", NOW)
    content = list_workbook("名单", [["代码", "数"], ["=1+1", "0123456789012345678"]], [10, 10], mark)
    page = load_workbook(io.BytesIO(content)).worksheets[0]
    cells = [[cell.value for cell in row] for row in page.iter_rows()]
    assert cells[0][0] == "名单"
    said = "\n".join(str(row[0]) for row in cells[1:4])
    for one in ("年度检查", "市局 & 分局", "official-2", "official-1", "lex_1"):
        assert one in said
    assert cells[4] == ["代码", "数", "本份归属"]
    assert cells[5] == ["=1+1", "0123456789012345678", "市局 & 分局 lex_1"]
    assert page["A6"].data_type in ("s", "inlineStr")
    header = page.oddHeader
    assert header is not None
    assert "lex_1" in str(header.center.text)
    assert page.freeze_panes == "A6"


def test_the_shipped_columns_name_what_is_known_and_say_that_they_are_practice() -> None:
    mapping = read_mapping(ROOT / "config")
    assert {column.item for column in mapping.columns} <= ITEMS
    assert set(mapping.requires) <= set(REQUIREMENTS)
    assert "basis: practice" in (ROOT / "config" / MAPPING).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "changed",
    ["item: shoe_size", "item: name, colour: red", "item: name}\n  - {title_zh: 多余"],
)
def test_a_mapping_that_names_what_nobody_knows_is_refused(tmp_path: Path, changed: str) -> None:
    text = (ROOT / "config" / MAPPING).read_text(encoding="utf-8")
    (tmp_path / MAPPING).parent.mkdir(parents=True)
    (tmp_path / MAPPING).write_text(text.replace("item: name", changed, 1), encoding="utf-8")
    with pytest.raises(Unavailable, match="export_mapping_wrong"):
        read_mapping(tmp_path)


def test_a_learner_of_whom_something_is_missing_stands_there_with_its_name() -> None:
    mapping = read_mapping(ROOT / "config")
    ready = Candidate({"name": "陈晓安"}, frozenset(mapping.requires))
    lacking = Candidate({"name": "黄志强"}, frozenset({"test", "photo"}))
    heading, first, second = sheet([ready, lacking], mapping)
    at = {title: number for number, title in enumerate(heading)}
    assert (first[at["是否齐备"]], first[at["缺少的事项"]]) == ("是", "")
    assert (second[at["是否齐备"]], second[at["证件照"]]) == ("否", "有")
    assert (
        second[at["缺少的事项"]]
        == "、".join(missing(lacking, mapping))
        == "有效的网络学时证明、有效的结业说明"
    )
