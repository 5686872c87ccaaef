"""A learner with a passport, on the pages: listed by a file, told to see staff, let in by a member of staff."""

from flask.testing import FlaskClient

from tests.identity.made_lists import HEADING, csv_of
from tests.web.furnished import Furnished, token
from tests.web.test_enrolment_pages import post, upload

NAME, NUMBER = "JOHN A. SMITH", "E12345678"
NAMES = "/institution/class-runs/run_demo/real-names"


def imported(furnished: Furnished, staff: FlaskClient) -> None:
    answer = upload(staff, csv_of([HEADING, [NAME, "护照", NUMBER, "示例公司", "", ""]]))
    assert "人工核验" in staff.get(answer.location).text
    assert post(staff, f"{answer.location}/confirm").status_code == 303
    furnished.work_off()


def test_a_passport_leads_to_a_member_of_staff_and_on(furnished: Furnished) -> None:
    staff = furnished.as_staff("staff-lin")
    imported(furnished, staff)
    learner = furnished.as_learner(furnished.account("lms-user-90"))
    form = {"csrf_token": token(learner, "/learner"), "name": "john a smith", "citizen_id": NUMBER}
    assert learner.post("/learner/real-name", data=form).status_code == 422

    form["name"] = "John A.Smith"
    assert learner.post("/learner/real-name", data=form).status_code == 303
    furnished.work_off()
    assert "请带上护照" in learner.get("/learner").text.replace("\u2060", "")

    page = staff.get(NAMES).text
    assert "须当面核对本人和护照" in page.replace("\u2060", "")
    assert (NUMBER in page, NAME in page) == (False, False)
    action = page[page.index(f"{NAMES}/") :].split('"')[0]
    sent = {"csrf_token": token(staff, NAMES), "card_number": NUMBER, "seen": "1"}
    assert staff.post(action, data=sent).status_code == 303
    furnished.work_off()

    shown = learner.get("/learner").text
    assert 'data-testid="real-name-masked"' in shown
    assert "E******78" in shown
    assert "E******78" in staff.get("/institution/class-runs/run_demo").text


def test_a_name_in_the_other_writing_stands_beside_the_name(furnished: Furnished) -> None:
    learner = furnished.as_learner(furnished.account("lms-user-91"))
    form = {"csrf_token": token(learner, "/learner"), "name": "陳曉安", "citizen_id": "440199199003071219"}
    answer = learner.post("/learner/real-name", data=form)
    assert answer.status_code == 422
    at = answer.text.index('data-testid="real-name-name-error"')
    assert "繁简" in answer.text[at : at + 200].replace("\u2060", "")
