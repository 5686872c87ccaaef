"""A list is looked at first, then taken over; again changes nothing; and it leaves no trace that it should not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, select

from bridge.db.outbox import JobRow
from bridge.db.vault import EvidenceRow
from bridge.identity.citizen_id import check_character
from bridge.identity.enrolment import ENROLMENT_WANTED, KEPT, SLICE, EnrolmentImports, expired_previews
from bridge.identity.enrolment_files import Photos, read_grid
from bridge.identity.enrolment_model import EnrolmentImport, Outcome, PlannedRow
from bridge.identity.enrolment_sheet import read_sheet
from bridge.identity.enrolment_tables import EnrolmentImportRow
from bridge.identity.model import ListRow
from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId
from tests.attacks.doors.people import Person
from tests.identity.house import CHEN, CHEN_ID, ORG, RUN, House
from tests.identity.made_lists import HEADING, JPEG, csv_of, row_of, zip_of

STAFF, OTHER_STAFF = "stf_1", "stf_2"
PASSPORT = ["JOHN A. SMITH", "护照", "E12345678", "示例公司", "", ""]


@contextmanager
def office(house: House, institution: InstitutionId = ORG) -> Iterator[EnrolmentImports]:
    with house.desk(institution) as desk:
        yield EnrolmentImports(desk.tx, house.cipher, desk.identity_store, desk.vault, house.clock)


def upload(house: House, rows: Sequence[Sequence[str]], photos: dict[str, bytes] | None = None) -> str:
    sheet = read_sheet(read_grid(csv_of([HEADING, *rows])), without_contact_text)
    with office(house) as imports:
        plan = imports.plan(RUN, sheet, Photos(zip_of(photos)) if photos else Photos())
        return imports.preview(RUN, plan, STAFF)


def look(house: House, import_id: str) -> EnrolmentImport:
    with office(house) as imports:
        return imports.find(RUN, import_id)


def confirm(house: House, import_id: str) -> EnrolmentImport:
    with office(house) as imports:
        imports.confirm(RUN, import_id, OTHER_STAFF)
    while True:
        with office(house) as imports:
            if not imports.take_over(import_id):
                return imports.find(RUN, import_id)


def photos_of(house: House, import_id: str) -> EvidenceId:
    with office(house) as imports:
        found = imports._opened(imports._row(import_id)).photos
    assert found is not None
    return found


def listed(house: House, number: str) -> ListRow | None:
    with house.desk() as desk:
        return desk.identity_store.list_row(RUN, number)


def outcomes(rows: Sequence[PlannedRow]) -> list[str]:
    return [row.outcome.value for row in rows]


def wrong(house: House, row: list[str]) -> list[str]:
    (planned,) = look(house, upload(house, [row])).rows
    assert planned.outcome is Outcome.ERROR
    return [said.code for said in planned.wrong]


def test_a_preview_changes_nothing(house: House) -> None:
    found = look(house, upload(house, [row_of(Person(1))]))
    assert (found.state, outcomes(found.rows), found.planned["new"]) == ("preview", ["new"], 1)
    assert listed(house, Person(1).citizen_id) is None


def test_what_was_confirmed_is_on_the_list(house: House) -> None:
    found = confirm(house, upload(house, [row_of(Person(1)), PASSPORT]))
    assert (found.state, found.applied, found.done) == ("done", {"new": 2}, 2)
    row = listed(house, Person(1).citizen_id)
    assert row is not None
    assert (row.name, row.employer, row.trade) == (Person(1).name, "广州示例机电有限公司", "低压电工作业")
    assert listed(house, "E12345678") is not None


def test_the_same_list_twice_changes_nothing(house: House) -> None:
    rows = [row_of(Person(number)) for number in range(4)]
    photos = {f"{number}.jpg": JPEG for number in range(4)}
    confirm(house, upload(house, rows, photos))
    before = [listed(house, Person(number).citizen_id) for number in range(4)]

    again = upload(house, rows, photos)

    assert outcomes(look(house, again).rows) == ["same"] * 4
    with office(house) as imports, pytest.raises(InvalidInput, match="enrolment_nothing_to_do"):
        imports.confirm(RUN, again, OTHER_STAFF)
    assert [listed(house, Person(number).citizen_id) for number in range(4)] == before


def test_a_list_confirmed_twice_and_taken_over_twice_is_there_once(house: House) -> None:
    first = upload(house, [row_of(Person(1))])
    second = upload(house, [row_of(Person(1))])
    confirm(house, first)
    with office(house) as imports:
        imports.confirm(RUN, first, STAFF)
        assert not imports.take_over(first)
    assert confirm(house, second).applied == {"same": 1}


def test_a_change_shows_old_and_new_and_leaves_what_the_file_does_not_speak_of(house: House) -> None:
    confirm(house, upload(house, [row_of(Person(1))]))
    text = csv_of([["姓名", "证件号码", "单位"], [Person(1).name, Person(1).citizen_id, "佛山示例公司"]])
    with office(house) as imports:
        sheet = read_sheet(read_grid(text), without_contact_text)
        import_id = imports.preview(RUN, imports.plan(RUN, sheet, Photos()), STAFF)
    (row,) = look(house, import_id).rows
    assert [(one.what, one.old, one.new) for one in row.changes] == [
        ("employer", "广州示例机电有限公司", "佛山示例公司")
    ]
    confirm(house, import_id)
    kept = listed(house, Person(1).citizen_id)
    assert kept is not None
    assert (kept.employer, kept.trade) == ("佛山示例公司", "低压电工作业")


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        (0, "", "name_missing"),
        (0, "陈1", "name_malformed"),
        (0, "陈\ue123", "name_private_use"),
        (0, "13800138000", "number_is_contact"),
        (1, "军官证", "document_kind_unknown"),
        (1, "护照", "passport_malformed"),
        (1, "港澳居民居住证", "document_kind_mismatch"),
        (2, "", "number_missing"),
        (2, "13800138000", "number_is_contact"),
        (2, "440199199003071218", "citizen_id_check_digit"),
        (2, "44019919900307121", "citizen_id_malformed"),
        (2, "4.40199E+17", "number_lost_digits"),
        (3, "单" * 201, "text_too_long"),
    ],
)
def test_each_wrong_row_says_what_is_wrong(house: House, column: int, cell: str, code: str) -> None:
    row = row_of(Person(1))
    row[column] = cell
    assert wrong(house, row) == [code]


def test_a_wrong_row_is_left_out_and_the_others_come_in(house: House) -> None:
    bad = row_of(Person(2))
    bad[2] = "440199199003071218"
    found = confirm(house, upload(house, [row_of(Person(1)), bad, row_of(Person(3))]))
    assert found.applied == {"new": 2, "error": 1}


def test_a_person_twice_in_one_list_is_wrong_the_second_time(house: House) -> None:
    rows = look(house, upload(house, [row_of(Person(1)), row_of(Person(1), "另一家公司")])).rows
    assert outcomes(rows) == ["new", "error"]
    assert rows[1].wrong[0].code == "person_twice"
    assert "第 2 行" in rows[1].wrong[0].sentence_zh


def test_who_has_proved_who_they_are_is_not_changed_by_a_list(house: House) -> None:
    with house.desk() as desk:
        desk.verified()
        row = desk.identity_store.list_row(RUN, CHEN_ID)
    assert row is not None
    same = [row.name, "", CHEN_ID, row.employer, "", ""]
    assert outcomes(look(house, upload(house, [same])).rows) == ["same"]
    assert wrong(house, [row.name, "", CHEN_ID, "另一家公司", "", ""]) == ["person_verified"]


def test_a_number_that_another_name_proved_is_no_machines_to_merge(house: House) -> None:
    with house.desk() as desk:
        desk.verified()
        desk.tx.session.flush()
    other = ClassRunId("run_other")
    with office(house) as imports:
        sheet = read_sheet([HEADING, ["陳曉安", "", CHEN_ID, "", "", ""]], without_contact_text)
        (row,) = imports.find(other, imports.preview(other, imports.plan(other, sheet, Photos()), STAFF)).rows
    assert [said.code for said in row.wrong] == ["number_of_another"]


def test_a_number_under_another_name_on_another_list_is_told(house: House) -> None:
    other = ClassRunId("run_other")
    with office(house) as imports:
        sheet = read_sheet([HEADING, ["陈小安", "", CHEN_ID, "", "", ""]], without_contact_text)
        (row,) = imports.find(other, imports.preview(other, imports.plan(other, sheet, Photos()), STAFF)).rows
    assert (row.outcome, [said.code for said in row.notes]) == (Outcome.NEW, ["names_differ"])


def test_a_person_who_proves_their_name_between_preview_and_confirmation_stays_as_they_are(
    house: House,
) -> None:
    import_id = upload(house, [[CHEN, "", CHEN_ID, "另一家公司", "", ""]])
    assert outcomes(look(house, import_id).rows) == ["change"]
    with house.desk() as desk:
        desk.verified()
    assert confirm(house, import_id).applied == {"error": 1}
    row = listed(house, CHEN_ID)
    assert row is not None
    assert row.employer != "另一家公司"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (PASSPORT, "document_needs_staff"),
        (["JOHN SMITH", "", "ABC123456789012", "", "", ""], "document_form_only"),
        (
            ["王示例", "", f"18000019900307121{check_character('18000019900307121')}", "", "", ""],
            "citizen_id_area_unknown",
        ),
        ([Person(1).name, "", Person(1).citizen_id, "示例公司 13800138000 转接", "", ""], "contact_removed"),
    ],
)
def test_what_is_noteworthy_is_noted_and_comes_in(house: House, row: list[str], code: str) -> None:
    rows = [row, *(row_of(Person(number)) for number in (5, 6))]
    planned = look(house, upload(house, rows)).rows[0]
    assert (planned.outcome, [said.code for said in planned.notes]) == (Outcome.NEW, [code])


def test_photographs_come_along_by_file_name_or_number(house: House) -> None:
    unnamed = row_of(Person(2))
    unnamed[5] = ""
    photos = {"1.jpg": JPEG, f"{Person(2).citizen_id}.jpg": JPEG, "3.jpg": b"GIF89a"}
    rows = [row_of(Person(1)), unnamed, row_of(Person(3)), row_of(Person(4))]
    import_id = upload(house, rows, photos)
    notes = [[said.code for said in row.notes] for row in look(house, import_id).rows]
    assert notes == [[], [], ["photo_malformed"], ["photo_missing"]]
    confirm(house, import_id)
    found = [listed(house, Person(number).citizen_id) for number in (1, 2, 3, 4)]
    assert [row is not None and row.photo is not None for row in found] == [True, True, False, False]
    assert found[0] is not None
    assert found[0].photo is not None
    with house.desk() as desk:
        assert desk.vault.get(ORG, found[0].photo) == JPEG


def test_the_previews_photographs_and_rows_end_with_it(house: House) -> None:
    import_id = upload(house, [row_of(Person(1))], {"1.jpg": JPEG})
    photos = photos_of(house, import_id)
    house.clock.advance(seconds=int(KEPT.total_seconds()))
    assert expired_previews(house.units, house.clock.now()) == [(ORG, import_id)]

    with office(house) as imports:
        imports.expire(import_id)

    assert look(house, import_id).state == "expired"
    assert expired_previews(house.units, house.clock.now()) == []
    with house.desk() as desk, pytest.raises(InvalidInput, match="evidence_unknown"):
        desk.vault.get(ORG, photos)


def test_a_confirmed_import_keeps_no_rows_and_no_second_photograph(house: House) -> None:
    import_id = upload(house, [row_of(Person(1))], {"1.jpg": JPEG})
    photos = photos_of(house, import_id)
    assert confirm(house, import_id).rows == []
    with house.desk() as desk, pytest.raises(InvalidInput, match="evidence_unknown"):
        desk.vault.get(ORG, photos)


def test_a_preview_whose_time_is_over_cannot_be_confirmed(house: House) -> None:
    import_id = upload(house, [row_of(Person(1))])
    house.clock.advance(seconds=int(KEPT.total_seconds()))
    with office(house) as imports, pytest.raises(InvalidInput, match="enrolment_preview_expired"):
        imports.confirm(RUN, import_id, STAFF)


def test_a_long_list_is_taken_over_in_slices_and_goes_on_where_it_was(house: House) -> None:
    rows = [row_of(Person(number)) for number in range(SLICE + 3)]
    import_id = upload(house, rows)
    with office(house) as imports:
        imports.confirm(RUN, import_id, STAFF)
    with house.desk() as desk:
        kinds = desk.tx.session.scalars(select(JobRow.kind).where(JobRow.key == import_id)).all()
        assert kinds == [ENROLMENT_WANTED]
    with office(house) as imports:
        assert imports.take_over(import_id)
    assert (look(house, import_id).state, look(house, import_id).done) == ("running", SLICE)
    with office(house) as imports:
        assert not imports.take_over(import_id)
    assert look(house, import_id).applied == {"new": SLICE + 3}


def test_a_long_list_is_planned_in_as_few_queries_as_a_short_one(house: House) -> None:
    asked: list[str] = []
    event.listen(house.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    counted = []
    for length in (2, 60):
        sheet = read_sheet(
            [HEADING, *(row_of(Person(number)) for number in range(length))], without_contact_text
        )
        with office(house) as imports:
            asked.clear()
            imports.plan(RUN, sheet, Photos())
            counted.append(len(asked))
    assert counted[0] == counted[1] > 0


def test_an_import_is_its_class_runs_and_its_institutions_alone(house: House) -> None:
    import_id = upload(house, [row_of(Person(1))])
    with office(house) as imports, pytest.raises(InvalidInput, match="enrolment_import_unknown"):
        imports.find(ClassRunId("run_other"), import_id)
    with office(house, InstitutionId("org_other")) as imports, pytest.raises(InvalidInput):
        imports.find(RUN, import_id)


def test_nothing_personal_of_a_list_lies_readable_on_the_disk(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path / 'bridge.sqlite'}", tmp_path).loaded()
    person, other = Person(7), Person(8)
    heading = [*HEADING, "联系电话", "备注"]
    rows = [[*row_of(each), each.phone, each.email] for each in (person, other, Person(9), Person(10))]
    rows[0][3] += f" {person.phone} 微信:{person.wechat}"
    rows[1][2] = other.phone
    sheet = read_sheet(read_grid(csv_of([heading, *rows])), without_contact_text)
    assert sheet.contact_columns == 2
    with office(house) as imports:
        kept = imports.preview(RUN, imports.plan(RUN, sheet, Photos(zip_of({"7.jpg": JPEG}))), STAFF)
        assert "1990002" not in repr(imports.find(RUN, kept).rows) + str(imports.find(RUN, kept).planned)
    confirm(house, kept)
    upload(house, rows)
    with house.desk() as desk:
        assert desk.tx.session.scalars(select(EvidenceRow.id)).all()
        assert len(desk.tx.session.scalars(select(EnrolmentImportRow.id)).all()) == 2
    house.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert RUN.encode() in raw
    for secret in (*person.canaries, *other.canaries):
        for encoding in ("utf-8", "utf-16-le", "gb18030", "unicode_escape"):
            assert secret.encode(encoding) not in raw
    assert JPEG not in raw
