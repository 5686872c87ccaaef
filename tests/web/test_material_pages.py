"""The institution's pages of its own materials: one person uploads, another reviews, and then nothing changes."""

from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from bridge.registry.material_model import Material
from bridge.web.security import MAX_BODY_BYTES
from tests.registry.made_media import mp4, webm
from tests.web.furnished import ORG, Furnished, token
from tests.web.materials import COURSE, MEDIA_UNIT, TEXT_UNIT, THREE_PAGES, film, give_material

PAGE = "/institution/class-runs/run_demo/materials"
UNIT = f"{PAGE}/{TEXT_UNIT}"


@pytest.fixture
def house(furnished: Furnished) -> Furnished:
    give_material(furnished.house, TEXT_UNIT, b"waits\n", reviewed=False)
    give_material(furnished.house, MEDIA_UNIT, b"waits\n", reviewed=False)
    return furnished


def post(client: FlaskClient, path: str, **fields: Any) -> Any:
    return client.post(path, data={"csrf_token": token(client, PAGE), **fields})


def upload(client: FlaskClient, content: bytes, name: str = "lesson.bin", path: str = UNIT) -> Any:
    return post(client, path, file=(BytesIO(content), name))


def kept(house: Furnished, unit: Any = TEXT_UNIT) -> Material:
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        found = house.house.at(tx).materials.find(COURSE, unit)
    assert found is not None
    return found


def test_two_people_put_a_text_before_the_learners(house: Furnished) -> None:
    lin, zhou = house.as_staff("staff-lin"), house.as_staff("staff-zhou")

    assert upload(lin, THREE_PAGES.encode()).status_code == 303
    assert 'data-testid="material-confirm-own"' in lin.get(UNIT).text
    assert "第二页" in zhou.get(UNIT).text
    assert post(zhou, f"{UNIT}/review", version=kept(house).version).status_code == 303

    material = kept(house)
    assert [page.nominal_ms for page in material.pages] == [20_000] * 3
    assert material.reviewed_by not in (None, material.entered_by)


def test_who_uploaded_cannot_review(house: Furnished) -> None:
    lin = house.as_staff("staff-lin")
    upload(lin, THREE_PAGES.encode())

    answer = post(lin, f"{UNIT}/review", version=kept(house).version)

    assert answer.status_code == 403
    assert "second_person_required" in answer.text
    assert kept(house).reviewed_by is None


def test_who_sets_the_times_can_no_longer_review(house: Furnished) -> None:
    lin, zhou = house.as_staff("staff-lin"), house.as_staff("staff-zhou")
    upload(lin, THREE_PAGES.encode())

    answer = post(zhou, f"{UNIT}/times", version=kept(house).version, seconds=["10", "20", "30"])

    assert answer.status_code == 303
    assert [page.nominal_ms for page in kept(house).pages] == [10_000, 20_000, 30_000]
    assert post(zhou, f"{UNIT}/review", version=kept(house).version).status_code == 403
    assert post(lin, f"{UNIT}/review", version=kept(house).version).status_code == 303


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (["10", "20", "29"], "还差 1 秒"),
        (["60"], "共 3 页"),
        (["10", "20", "x"], "整数秒"),
        (["-1", "1", "60"], "整数秒"),
    ],
)
def test_times_that_do_not_fit_are_refused_and_stay_typed(
    house: Furnished, seconds: list[str], said: str
) -> None:
    lin = house.as_staff("staff-lin")
    upload(lin, THREE_PAGES.encode())

    answer = post(lin, f"{UNIT}/times", version=kept(house).version, seconds=seconds)

    assert answer.status_code == 422
    assert said in answer.text
    assert [page.nominal_ms for page in kept(house).pages] == [20_000] * 3


def test_nobody_reviews_what_was_replaced_meanwhile(house: Furnished) -> None:
    lin, zhou = house.as_staff("staff-lin"), house.as_staff("staff-zhou")
    upload(lin, THREE_PAGES.encode())
    seen = kept(house).version
    upload(lin, THREE_PAGES.replace("停电", "不用停电").encode())

    for path, fields in (("review", {}), ("times", {"seconds": ["20", "20", "20"]})):
        answer = post(zhou, f"{UNIT}/{path}", version=seen, **fields)
        assert answer.status_code == 409
    assert kept(house).reviewed_by is None


def test_what_was_reviewed_is_never_replaced(house: Furnished) -> None:
    reviewed = give_material(house.house, TEXT_UNIT, THREE_PAGES.encode())
    lin = house.as_staff("staff-lin")

    for answer in (
        upload(lin, b"another\n"),
        post(lin, f"{UNIT}/times", version=reviewed.version, seconds=["10", "20", "30"]),
        post(lin, f"{UNIT}/review", version=reviewed.version),
    ):
        assert answer.status_code == 409
    assert kept(house) == reviewed
    assert 'data-testid="material-file"' not in lin.get(UNIT).text


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [
        (b"\x7fELF\x02" + bytes(60), "lesson.mp4", 415),
        (b"<html>\x00", "lesson.pdf", 415),
        (mp4(60_000, handlers=((b"vide", b"hvc1"),)), "lesson.mp4", 422),
        (mp4(61_000), "lesson.mp4", 422),
        (webm(30_000.0), "lesson.webm", 422),
        (b"%PDF-1.7 broken", "lesson.pdf", 422),
        (b"one\n---\n\n---\ntwo", "lesson.md", 422),
        ("字\n---\n".encode() * 100 + "末".encode(), "lesson.md", 422),
        (b"", "lesson.txt", 415),
    ],
)
def test_a_file_is_judged_by_its_content_and_refused_in_words(
    house: Furnished, content: bytes, name: str, status: int
) -> None:
    before = kept(house)
    answer = upload(house.as_staff("staff-lin"), content, name)

    assert answer.status_code == status
    assert 'data-testid="material-wrong"' in answer.text
    assert kept(house) == before


def test_a_film_under_a_texts_name_is_a_film(house: Furnished) -> None:
    upload(house.as_staff("staff-lin"), mp4(60_000), "lesson.txt", f"{PAGE}/{MEDIA_UNIT}")
    assert (kept(house, MEDIA_UNIT).kind.value, kept(house, MEDIA_UNIT).length_ms) == ("video", 60_000)


def send_large(client: FlaskClient, content: bytes, page: str) -> int:
    """Post a file as a browser does; Flask's own client would leave a temporary file open."""
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + token(client, page).encode(),
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="lesson.mp4"\r\n\r\n' + content,
        b"--b--\r\n",
    ]
    answer = client.post(
        f"{PAGE}/{MEDIA_UNIT}", data=b"\r\n".join(parts), content_type="multipart/form-data; boundary=b"
    )
    return answer.status_code


def test_a_large_file_passes_for_staff_and_for_nobody_else(house: Furnished) -> None:
    large = film(2 * MAX_BODY_BYTES)

    assert send_large(house.client(), large, "/sign-in") == 413
    assert send_large(house.as_staff("staff-lin"), large, PAGE) == 303
    assert kept(house, MEDIA_UNIT).size == len(large)


def test_no_form_without_its_token_and_none_of_another_institution(house: Furnished) -> None:
    lin, other = house.as_staff("staff-lin"), house.as_staff("staff-ping")
    assert lin.post(UNIT, data={"file": (BytesIO(b"x"), "x.md")}).status_code == 400
    made = token(other, "/institution/class-runs/run_sz/materials")
    for path in (UNIT, f"{UNIT}/times", f"{UNIT}/review"):
        answer = other.post(path, data={"csrf_token": made, "file": (BytesIO(b"theirs\n"), "x.md")})
        assert answer.status_code == 404
    assert kept(house).entered_by == "staff_first"


@pytest.mark.parametrize("unit", ["test_final", "unit_nobody"])
def test_a_test_or_a_made_up_unit_takes_no_material(house: Furnished, unit: str) -> None:
    assert upload(house.as_staff("staff-lin"), b"text\n", path=f"{PAGE}/{unit}").status_code in (404, 422)
    assert house.as_staff("staff-lin").get(f"{PAGE}/{unit}").status_code == 404


def test_without_a_file_the_page_asks_for_one(house: Furnished) -> None:
    answer = post(house.as_staff("staff-lin"), UNIT)
    assert answer.status_code == 422
    assert "请选择课件文件" in answer.text


def test_an_official_has_no_business_here(house: Furnished) -> None:
    assert house.as_staff("official-guangzhou").get(PAGE).status_code == 403
