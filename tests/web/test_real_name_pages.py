"""Real names that a provider answers later: what the learner reads meanwhile, and the page where staff see the card."""

import pytest
from flask.testing import FlaskClient

from bridge.identity.consent import PHOTO_CONSENT
from bridge.identity.provider_model import Answer, Claim, Outcome, ProviderFacts
from tests.web.furnished import CHEN, CHEN_ID, HUANG_ID, OTHER_RUN, RUN, Furnished, token
from tests.web.test_learner_pages import state

LIST = f"/institution/class-runs/{RUN}/real-names"
STANDING = 'data-testid="real-name-standing" data-state="'


class Scripted:
    """A provider with one answer."""

    def __init__(self, outcome: Outcome, *, needs_photo: bool = False) -> None:
        self.facts = ProviderFacts("scripted", "试验核验服务", remote=True, needs_photo=needs_photo)
        self.outcome = outcome
        self.photos: list[bytes | None] = []

    def verify(self, claim: Claim) -> Answer:
        self.photos.append(claim.photo)
        return Answer(self.outcome)


def use(furnished: Furnished, provider: Scripted) -> Scripted:
    furnished.house.__dict__["real_name_providers"] = (provider,)
    return provider


@pytest.fixture
def client(furnished: Furnished) -> FlaskClient:
    return furnished.as_learner(furnished.account("lms-user-1001"))


def prove(client: FlaskClient, **more: str) -> tuple[int, str]:
    data = {"csrf_token": token(client, "/learner"), "name": CHEN, "citizen_id": CHEN_ID, **more}
    answer = client.post("/learner/real-name", data=data)
    return answer.status_code, answer.headers.get("Location", "")


def standing(client: FlaskClient) -> str:
    page = client.get("/learner").text
    if STANDING not in page:
        return "none"
    return page.split(STANDING, 1)[1].partition('"')[0]


def test_the_learner_waits_on_the_page_and_goes_on_when_the_answer_is_there(
    furnished: Furnished, client: FlaskClient
) -> None:
    use(furnished, Scripted(Outcome.MATCH))
    assert "“试验核验服务”" in client.get("/learner").text
    assert prove(client) == (303, "/learner#step-real_name")
    assert standing(client) == "pending"
    assert "htmx.min.js" in client.get("/learner").text
    looked = client.get("/learner/real-name")
    assert "HX-Refresh" not in looked.headers
    assert "正在向核验服务核对" in looked.text

    furnished.work_off()
    assert client.get("/learner/real-name").headers["HX-Refresh"] == "true"
    page = client.get("/learner").text
    assert state(page, "real_name") == "done"
    assert CHEN not in page
    assert CHEN_ID not in page


@pytest.mark.parametrize(
    ("outcome", "where", "words"),
    [
        (Outcome.TIMEOUT, "pending", "系统会自动再试。这不是您的问题"),
        (Outcome.OUTAGE, "pending", "核验服务暂时中断"),
        (Outcome.QUOTA, "pending", "核验服务暂时不能使用"),
        (Outcome.REFUSED, "pending", "核验服务暂时不能使用"),
        (Outcome.NO_RECORD, "staff", "户口刚迁移"),
        (Outcome.UNCLEAR, "staff", "请带上证件"),
        (Outcome.MISMATCH, "mismatched", "核对不一致"),
    ],
)
def test_each_outcome_has_its_own_words(
    furnished: Furnished, client: FlaskClient, outcome: Outcome, where: str, words: str
) -> None:
    use(furnished, Scripted(outcome))
    prove(client)
    furnished.work_off()
    assert standing(client) == where
    page = client.get("/learner").text
    assert words in page.replace("<wbr>", "")
    assert state(page, "real_name") != "done"
    assert client.get("/learner/face").status_code == 303


def test_the_photograph_goes_only_where_the_box_is_ticked(furnished: Furnished, client: FlaskClient) -> None:
    provider = use(furnished, Scripted(Outcome.MATCH, needs_photo=True))
    assert 'data-testid="photo-consent"' in client.get("/learner").text
    prove(client)
    furnished.work_off()
    assert (provider.photos, standing(client)) == ([], "staff")
    prove(client, photo_consent=PHOTO_CONSENT.version)
    furnished.work_off()
    assert len(provider.photos) == 1
    assert state(client.get("/learner").text, "real_name") == "done"


def test_an_old_text_is_no_consent(furnished: Furnished, client: FlaskClient) -> None:
    provider = use(furnished, Scripted(Outcome.MATCH, needs_photo=True))
    assert prove(client, photo_consent="real-name-photo-2020-1")[0] == 409
    furnished.work_off()
    assert provider.photos == []


@pytest.fixture
def waiting(furnished: Furnished, client: FlaskClient) -> str:
    """Somebody waits for staff; the check's id."""
    use(furnished, Scripted(Outcome.NO_RECORD))
    prove(client)
    furnished.work_off()
    page = furnished.as_staff("staff-lin").get(LIST).text
    return page.split(f"{LIST}/", 1)[1].partition("/")[0]


def send(staff: FlaskClient, check: str, what: str = "confirm", **form: str) -> tuple[int, str]:
    answer = staff.post(f"{LIST}/{check}/{what}", data={"csrf_token": token(staff, "/platforms/new"), **form})
    return answer.status_code, answer.text


def test_staff_see_who_waits_and_why_without_reading_who_it_is(furnished: Furnished, waiting: str) -> None:
    staff = furnished.as_staff("staff-lin")
    assert f'href="{LIST}"' in staff.get(f"/institution/class-runs/{RUN}").text
    page = staff.get(LIST).text
    assert waiting in page
    assert "数据源没有查到" in page
    assert CHEN not in page
    assert CHEN_ID not in page


def test_the_number_of_the_card_confirms_and_the_learner_goes_on(
    furnished: Furnished, client: FlaskClient, waiting: str
) -> None:
    staff = furnished.as_staff("staff-lin")
    assert send(staff, waiting, card_number=CHEN_ID, seen="1")[0] == 303
    furnished.work_off()
    assert state(client.get("/learner").text, "real_name") == "done"
    assert 'data-testid="waiting-name"' not in staff.get(LIST).text
    assert send(staff, waiting, card_number=CHEN_ID, seen="1")[0] == 409


@pytest.mark.parametrize(
    "form", [{"card_number": CHEN_ID}, {"card_number": HUANG_ID, "seen": "1"}, {"seen": "1"}]
)
def test_nothing_is_confirmed_without_the_card(
    furnished: Furnished, client: FlaskClient, waiting: str, form: dict[str, str]
) -> None:
    status, page = send(furnished.as_staff("staff-lin"), waiting, **form)
    assert status == 422
    assert 'data-testid="confirm-error"' in page
    assert HUANG_ID not in page
    assert standing(client) == "staff"


def test_staff_may_say_that_the_card_is_somebody_elses(
    furnished: Furnished, client: FlaskClient, waiting: str
) -> None:
    assert send(furnished.as_staff("staff-lin"), waiting, "refuse")[0] == 303
    assert standing(client) == "mismatched"


def test_nobody_else_sees_or_decides(furnished: Furnished, waiting: str) -> None:
    official = furnished.as_staff("official-guangzhou")
    assert official.get(LIST).status_code == 403
    other = furnished.as_staff("staff-lin").get(f"/institution/class-runs/{OTHER_RUN}/real-names")
    assert other.status_code == 404
    assert furnished.client().get(LIST).status_code in (302, 303, 401, 403)
