"""The institution's pages of a list: upload, preview, confirmation; contact data nowhere, nothing on disk in clear."""

import tempfile
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from bridge.identity.enrolment import KEPT
from bridge.identity.enrolment_files import read_grid
from bridge.identity.enrolment_tables import EnrolmentImportRow
from bridge.kernel.ids import ClassRunId
from bridge.web.security import MAX_BODY_BYTES
from bridge.wiring.enrolment_jobs import sweep_previews
from tests.attacks.doors.people import Person
from tests.identity.made_lists import HEADING, JPEG, csv_of, row_of, xlsx_of, zip_of
from tests.web.furnished import CHEN, CHEN_ID, ORG, Furnished, token

PAGE = "/institution/class-runs/run_demo/enrolment"
PEOPLE = [Person(number) for number in range(20, 23)]


def upload(client: FlaskClient, content: bytes, name: str = "list.csv", photos: bytes = b"") -> Any:
    form: dict[str, Any] = {"csrf_token": token(client, PAGE), "list": (BytesIO(content), name)}
    if photos:
        form["photos"] = (BytesIO(photos), "photos.zip")
    return client.post(PAGE, data=form)


def preview(client: FlaskClient, rows: list[list[str]]) -> str:
    answer = upload(client, csv_of([HEADING, *rows], "gb18030"))
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def post(client: FlaskClient, path: str) -> Any:
    return client.post(path, data={"csrf_token": token(client, PAGE)})


def send_raw(client: FlaskClient, made: str, content: bytes, photos: bytes = b"") -> Any:
    """Post as a browser does; Flask's own client would keep large files on the disk, and open."""
    fields = {'"csrf_token"': made.encode(), '"list"; filename="l.csv"': content}
    if photos:
        fields['"photos"; filename="p.zip"'] = photos
    head = b"--b\r\nContent-Disposition: form-data; name="
    parts = [head + name.encode() + b"\r\n\r\n" + value for name, value in fields.items()]
    body = b"\r\n".join([*parts, b"--b--\r\n"])
    return client.post(PAGE, data=body, content_type="multipart/form-data; boundary=b")


def listed(house: Furnished, number: str) -> bool:
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        names = house.house.at(tx).enrolments._store.list_row(ClassRunId("run_demo"), number)
    return names is not None


def test_a_list_is_previewed_confirmed_and_taken_over_by_a_job(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    path = preview(client, [row_of(person) for person in PEOPLE])
    assert 'data-state="preview"' in client.get(path).text
    assert not listed(furnished, PEOPLE[0].citizen_id)

    assert post(client, f"{path}/confirm").status_code == 303
    assert 'data-state="running"' in client.get(path).text
    fragment = client.get(f"{path}/progress")
    assert (fragment.headers.get("HX-Redirect"), 'data-done="0"' in fragment.text) == (None, True)
    furnished.work_off()

    assert client.get(f"{path}/progress").headers["HX-Redirect"] == path
    assert "新增 3 人" in client.get(path).text
    assert all(listed(furnished, person.citizen_id) for person in PEOPLE)
    assert "新增 3" in client.get(PAGE).text
    again = client.get(preview(client, [row_of(person) for person in PEOPLE])).text
    assert 'data-testid="enrolment-nothing"' in again


def test_a_person_of_an_imported_list_proves_their_name(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    path = preview(client, [row_of(PEOPLE[0])])
    post(client, f"{path}/confirm")
    furnished.work_off()
    _account, learner = furnished.enrol("lms-user-77", PEOPLE[0].name, PEOPLE[0].citizen_id)
    assert learner


def test_an_excel_list_with_photographs_is_previewed(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    answer = upload(client, xlsx_of([HEADING, row_of(PEOPLE[0])]), "list.xlsx", zip_of({"20.jpg": JPEG}))
    assert "有照片" in client.get(answer.location).text


def test_the_preview_shows_masks_reasons_and_what_will_change(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    bad = row_of(PEOPLE[1])
    bad[2] = "440199199003071218"
    text = client.get(
        preview(client, [row_of(PEOPLE[0]), bad, [CHEN, "", CHEN_ID, "新的示例公司", "", ""]])
    ).text
    assert 'data-reason="citizen_id_check_digit"' in text
    assert 'data-field="employer"' in text
    assert "新的示例公司" in text
    for hidden in (PEOPLE[0].citizen_id, PEOPLE[0].name, CHEN_ID, bad[2]):
        assert hidden not in text


def test_the_wrong_rows_come_back_as_a_file_that_can_be_mended_and_sent_again(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    bad = row_of(PEOPLE[1])
    bad[2] = "440199199003071218"
    path = preview(client, [row_of(PEOPLE[0]), bad])
    answer = client.get(f"{path}/errors.xlsx")
    assert "attachment" in answer.headers["Content-Disposition"]
    heading, row = read_grid(answer.data)
    assert (row[:6], row[6]) == (bad, "3")
    assert "校验位" in row[7]
    row = [*row[:2], PEOPLE[1].citizen_id, *row[3:]]
    mended = client.get(upload(client, xlsx_of([heading, row]), "errors.xlsx").location).text
    assert 'data-testid="enrolment-count-new">1<' in mended


def test_the_template_is_an_empty_list_with_its_heading(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    answer = client.get(f"{PAGE}/template.xlsx")
    assert read_grid(answer.data) == [list(HEADING)]
    refused = upload(client, answer.data, "list.xlsx")
    assert (refused.status_code, "没有学员" in refused.text) == (422, True)


def test_contact_columns_are_counted_and_never_shown_or_kept(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    people = [Person(number) for number in range(30, 34)]
    rows = [[*row_of(person), person.phone, person.email, "x"] for person in people]
    rows[0][3] = f"示例公司 {people[0].phone}"
    answer = upload(client, csv_of([[*HEADING, "手机", "备注", "序号"], *rows]))
    text = client.get(answer.location).text
    assert "已忽略 2 列联系方式" in text
    assert not any(canary in text for person in people for canary in (person.phone, person.email))
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        (kept,) = tx.session.scalars(select(EnrolmentImportRow)).all()
        stored = str(kept.planned) + str(furnished.house.at(tx).enrolments._opened(kept))
    assert not any(canary in stored for person in people for canary in (person.phone, person.email))


def test_no_upload_of_a_list_lies_on_the_disk(furnished: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a temporary file")

    client = furnished.as_staff("staff-lin")
    photos = zip_of({f"{number}.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 30 for number in range(300)})
    long = csv_of([HEADING, *(row_of(person) for person in PEOPLE)]) + b"\r\n" * 1_000_000
    assert len(long) > MAX_BODY_BYTES
    made = token(client, PAGE)
    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"):
        monkeypatch.setattr(tempfile, name, no_file)
        monkeypatch.setattr(f"werkzeug.formparser.{name}", no_file, raising=False)
    answer = send_raw(client, made, long, photos)
    assert answer.status_code == 303, answer.text


def test_a_strangers_large_body_is_refused_unread(furnished: Furnished) -> None:
    stranger = furnished.client()
    assert send_raw(stranger, token(stranger), bytes(2 * MAX_BODY_BYTES)).status_code == 413


@pytest.mark.parametrize(
    ("content", "name", "status", "said"),
    [
        (b"", "list.csv", 422, "请选择名单文件"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "list.xls", 415, "另存为 .xlsx"),
        ("名称,号码\na,b\n".encode(), "list.csv", 422, "没有找到表头"),
    ],
)
def test_what_is_no_list_is_refused_in_words(
    furnished: Furnished, content: bytes, name: str, status: int, said: str
) -> None:
    answer = upload(furnished.as_staff("staff-lin"), content, name)
    assert (answer.status_code, said in answer.text.replace("\u2060", "")) == (status, True)


def test_a_form_without_a_file_is_refused(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    answer = client.post(PAGE, data={"csrf_token": token(client, PAGE)})
    assert (answer.status_code, "请选择名单文件" in answer.text) == (422, True)


def test_a_preview_can_be_thrown_away_and_is_wiped_in_time(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    thrown, forgotten = (preview(client, [row_of(PEOPLE[0])]) for _ in range(2))
    assert post(client, f"{thrown}/discard").status_code == 303
    furnished.clock.advance(seconds=int(KEPT.total_seconds()))
    sweep_previews(furnished.house)
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        assert set(tx.session.scalars(select(EnrolmentImportRow.rows_enc))) == {""}
    again = furnished.as_staff("staff-lin")
    for path in (thrown, forgotten):
        assert 'data-state="expired"' in again.get(path).text
        assert post(again, f"{path}/confirm").status_code == 409
        assert again.get(f"{path}/errors.xlsx").status_code == 404


def test_no_form_without_its_token(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    path = preview(client, [row_of(PEOPLE[0])])
    for form in (PAGE, f"{path}/confirm", f"{path}/discard"):
        assert client.post(form, data={"list": (BytesIO(b"x"), "l.csv")}).status_code == 400


def test_another_institution_an_official_and_a_learner_see_nothing(furnished: Furnished) -> None:
    path = preview(furnished.as_staff("staff-lin"), [row_of(PEOPLE[0])])
    other = furnished.as_staff("staff-ping")
    made = token(other, "/institution/class-runs/run_sz/enrolment")
    for get in (PAGE, path, f"{path}/progress", f"{path}/errors.xlsx"):
        assert other.get(get).status_code == 404
    for form in (f"{path}/confirm", f"{path}/discard"):
        assert other.post(form, data={"csrf_token": made}).status_code == 404
    sent = {"csrf_token": made, "list": (BytesIO(csv_of([HEADING, row_of(PEOPLE[0])])), "l.csv")}
    assert other.post(PAGE, data=sent).status_code == 404
    # Nor through a class run of their own.
    theirs = path.replace("run_demo", "run_sz")
    assert other.get(theirs).status_code == 404

    official, learner = furnished.as_staff("official-guangzhou"), furnished.as_learner("acc_x")
    for client in (official, learner):
        assert client.get(path).status_code == 403
        assert client.get(f"{PAGE}/template.xlsx").status_code == 403
