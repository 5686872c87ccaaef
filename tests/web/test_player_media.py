"""The player's files: in pieces, to the learner of the unit alone, never from a path that somebody made up."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from bridge.kernel.ids import LearnerRef
from bridge.web import material_answer
from bridge.web.material_answer import PIECE_BYTES
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, OTHER_ORG, OTHER_RUN, Furnished, furnish
from tests.web.materials import MEDIA_UNIT, TEXT_UNIT, THREE_PAGES, film, give_material, ready_learner

FILM = film()
MEDIA = f"/learner/units/{MEDIA_UNIT}/media"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    made = furnish(tmp_path_factory.mktemp("player_media"))
    give_material(made.house, MEDIA_UNIT, FILM)
    give_material(made.house, TEXT_UNIT, THREE_PAGES.encode())
    return made


@pytest.fixture(scope="module")
def client(house: Furnished) -> FlaskClient:
    return house.as_learner(*ready_learner(house, "lms-user-1001", CHEN, CHEN_ID))


def test_a_piece_that_was_asked_for_is_answered_with_its_place(client: FlaskClient) -> None:
    answer = client.get(MEDIA, headers={"Range": "bytes=100-199"})

    assert answer.status_code == 206
    assert answer.data == FILM[100:200]
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(FILM)}"
    assert answer.headers["Content-Length"] == "100"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.mimetype == "video/mp4"


def test_an_open_range_is_answered_with_one_piece_so_that_no_thread_waits(client: FlaskClient) -> None:
    answer = client.get(MEDIA, headers={"Range": "bytes=0-"})

    assert answer.status_code == 206
    assert answer.data == FILM[:PIECE_BYTES]
    assert answer.headers["Content-Range"] == f"bytes 0-{PIECE_BYTES - 1}/{len(FILM)}"


def test_the_pieces_make_the_file(client: FlaskClient) -> None:
    made, at = b"", 0
    while at < len(FILM):
        answer = client.get(MEDIA, headers={"Range": f"bytes={at}-"})
        made += answer.data
        at += len(answer.data)
    assert made == FILM


def test_the_last_bytes_are_had_from_the_end(client: FlaskClient) -> None:
    assert client.get(MEDIA, headers={"Range": "bytes=-64"}).data == FILM[-64:]


@pytest.mark.parametrize("asked", [f"bytes={len(FILM)}-", "bytes=0-1,5-9"])
def test_what_is_not_there_is_not_satisfiable(client: FlaskClient, asked: str) -> None:
    answer = client.get(MEDIA, headers={"Range": asked})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(FILM)}"
    assert answer.data == b""


@pytest.mark.parametrize("asked", ["lines=0-5", "bytes=5-2", "bytes=x"])
def test_a_range_of_another_kind_is_passed_over(client: FlaskClient, asked: str) -> None:
    answer = client.get(MEDIA, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (200, FILM)


def test_without_a_range_the_whole_file_comes(client: FlaskClient) -> None:
    answer = client.get(MEDIA)
    assert (answer.status_code, answer.headers["Content-Length"], answer.data) == (200, str(len(FILM)), FILM)


def test_a_head_tells_the_size_without_the_file(client: FlaskClient) -> None:
    answer = client.head(MEDIA)
    assert (answer.status_code, answer.headers["Content-Length"], answer.data) == (200, str(len(FILM)), b"")


@pytest.fixture
def places() -> Iterator[None]:
    for _ in range(2):
        assert material_answer._whole.acquire(blocking=False)
    yield
    for _ in range(2):
        material_answer._whole.release()


def test_only_a_few_load_whole_files_at_once(client: FlaskClient, places: None) -> None:
    assert client.get(MEDIA).status_code == 503
    assert client.get(MEDIA, headers={"Range": "bytes=0-9"}).status_code == 206


def test_a_download_that_ended_gives_its_place_back(client: FlaskClient) -> None:
    for _ in range(5):
        answer = client.get(MEDIA)
        assert answer.status_code == 200
        answer.close()


def test_only_the_learners_own_browser_keeps_it(client: FlaskClient) -> None:
    answer = client.get(MEDIA, headers={"Range": "bytes=0-9"})

    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    assert "Cookie" in answer.headers["Vary"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    etag = answer.headers["ETag"]
    again = client.get(MEDIA, headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(MEDIA, headers={"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert client.get(MEDIA, headers={"Range": "bytes=0-9", "If-Range": '"another"'}).status_code == 200


def test_a_stranger_gets_nothing_not_even_what_is_kept(house: Furnished, client: FlaskClient) -> None:
    etag = client.get(MEDIA, headers={"Range": "bytes=0-9"}).headers["ETag"]
    for path in (MEDIA, f"/learner/units/{TEXT_UNIT}", f"/learner/units/{MEDIA_UNIT}/standing"):
        answer = house.client().get(path, headers={"If-None-Match": etag})
        assert answer.status_code == 403
        assert b"launch_required" in answer.data


def test_staff_see_it_on_their_own_page_only(house: Furnished) -> None:
    staff = house.as_staff("staff-lin")
    assert staff.get(MEDIA).status_code == 403
    own = "/institution/class-runs/run_demo/materials"
    assert staff.get(f"{own}/{MEDIA_UNIT}/media", headers={"Range": "bytes=0-9"}).data == FILM[:10]
    other = house.as_staff("staff-ping")
    for path in (own, f"{own}/{MEDIA_UNIT}", f"{own}/{MEDIA_UNIT}/media"):
        assert other.get(path).status_code == 404


def test_who_is_not_enrolled_gets_nothing(house: Furnished) -> None:
    account = house.account("lms-user-1002")
    # No learner at all: the real name is not proved.
    assert house.as_learner(account).get(MEDIA).status_code == 403
    # A learner of nothing here.
    answer = house.as_learner(account, LearnerRef("lrn_of_nobody")).get(MEDIA)
    assert answer.status_code == 404
    assert b"not_enrolled" in answer.data


def test_another_institutions_learner_gets_nothing(house: Furnished) -> None:
    account, learner = house.enrol("sz-user-1", HUANG, HUANG_ID, run=OTHER_RUN, org=OTHER_ORG)
    elsewhere = house.as_learner(account, learner, run=OTHER_RUN, org=OTHER_ORG)

    # Their own unit of that name has another material; the film is not theirs under any address.
    assert elsewhere.get(MEDIA).status_code == 404
    crossed = house.as_learner(account, learner, org=OTHER_ORG)
    assert crossed.get(MEDIA).status_code == 404


def test_what_nobody_reviewed_is_played_to_nobody(house: Furnished, client: FlaskClient) -> None:
    give_material(house.house, TEXT_UNIT, FILM, reviewed=False)
    try:
        for path in ("", "/media", "/standing"):
            answer = client.get(f"/learner/units/{TEXT_UNIT}{path}")
            assert answer.status_code == 403
            assert b"material_unreviewed" in answer.data
    finally:
        give_material(house.house, TEXT_UNIT, THREE_PAGES.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/learner/units/..%2F..%2Fkeys%2Fmaster.key/media",
        "/learner/units/../../../keys/master.key",
        f"/learner/units/{MEDIA_UNIT}/media/../../../../keys/master.key",
        f"/learner/units/{MEDIA_UNIT}/pages/1",
        f"/learner/units/{MEDIA_UNIT}/pages/-1",
        f"/learner/units/{TEXT_UNIT}/pages/99",
        f"/learner/units/{TEXT_UNIT}/media",
        "/learner/units/test_final/media",
        "/learner/units/unit_nobody/media",
        "/materials/" + "0" * 64,
        "/static/../materials",
    ],
)
def test_no_made_up_address_leads_to_a_file(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_lost_file_is_said_to_be_lost(house: Furnished, client: FlaskClient) -> None:
    material = give_material(house.house, TEXT_UNIT, film(2 << 20))
    path = house.house.settings.data_dir / "materials" / material.sha256[:2] / material.sha256
    path.unlink()
    try:
        answer = client.get(f"/learner/units/{TEXT_UNIT}/media")
        assert answer.status_code == 503
        assert b"material_file_missing" in answer.data
    finally:
        give_material(house.house, TEXT_UNIT, THREE_PAGES.encode())
