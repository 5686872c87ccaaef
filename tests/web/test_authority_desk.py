"""What officials do: look into a learner for a purpose, register, check, stop, restore, let lists leave the house."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook

from bridge.identity.access_log import newest
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.kernel.time import epoch_ms, legal_date
from bridge.presence.tables import FaceFrameRow, PresenceCheckRow
from bridge.registry.uscc import check_character
from bridge.supervision.recount import differences
from bridge.supervision.rollups import SETTLES_FOR
from bridge.wiring.rollup_jobs import days_differ
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    JPEG,
    NOW,
    ORG,
    PASSWORD,
    RUN,
    Furnished,
    furnish,
    token,
)

TODAY = legal_date(NOW).isoformat()
WEEK = legal_date(NOW + timedelta(days=7)).isoformat()
Finished = tuple[Furnished, str, LearnerRef, str]


def send(client: FlaskClient, at: str, form_at: str, **form: str) -> tuple[int, str, str]:
    """Send a form; return status, page and where it leads."""
    answer = client.post(at, data={"csrf_token": token(client, form_at), **form})
    return answer.status_code, answer.text, answer.headers.get("Location", "")


def second_official(
    house: Furnished, login: str = "official-second", division: str = "440100"
) -> FlaskClient:
    with house.house.uow.across_institutions("test: another official") as tx:
        staff = house.house.at(tx).staff
        staff.accept(staff.invite("authority", login, division_code=division).token, PASSWORD)
    return house.as_staff(login)


def test_a_learner_is_looked_into_for_a_purpose_that_is_logged(finished: Finished) -> None:
    house, _account, learner, number = finished
    client = house.as_staff("official-guangzhou")
    at = f"/authority/class-runs/{RUN}/learners/{learner}"

    asked = client.get(at).text
    hasty = send(client, at, at, purpose="看")
    stated = send(client, at, at, purpose="核查投诉事项")

    assert "陈*安" not in asked
    assert hasty[0] == 422
    assert "陈*安" in stated[1]
    assert number in stated[1]
    assert 'data-testid="progress-credited"' in stated[1]
    assert CHEN not in stated[1]
    assert CHEN_ID not in stated[1]
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        last = newest(tx, learner=learner, before=None, limit=1)[0]
    assert (last.purpose, last.recipient) == ("supervision: 核查投诉事项", "广州市")


def test_another_citys_official_cannot_look_into_the_learner_or_a_picture(finished: Finished) -> None:
    house, _account, learner, _number = finished
    client = house.as_staff("official-shenzhen")
    at = f"/authority/class-runs/{RUN}/learners/{learner}"

    assert client.get(at).status_code == 404
    assert send(client, at, "/authority", purpose="核查投诉事项")[0] == 404
    with client.session_transaction() as session:
        session["inquiry"] = [learner, str(RUN), "核查投诉事项"]
    assert client.get(f"{at}/frames/any").status_code == 404


def test_a_picture_needs_a_purpose_first(finished: Finished) -> None:
    house, _account, learner, _number = finished
    client = house.as_staff("official-guangzhou")

    assert client.get(f"/authority/class-runs/{RUN}/learners/{learner}/frames/any").status_code == 403


@pytest.fixture
def printing(tmp_path: Path) -> Furnished:
    """A house that can print papers."""
    return furnish(tmp_path, with_fonts=True)


def test_checks_are_listed_and_a_picture_is_logged_by_itself(furnished: Furnished) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_FRAME, RUN)
        evidence = stations.vault.put(scope, JPEG, "image/jpeg")
        own = {"institution_id": ORG, "learner": learner, "class_run": RUN}
        tx.session.add(
            PresenceCheckRow(
                id="chk_1", session="ses_1", kind="random", due_ms=epoch_ms(NOW), opened_ms=epoch_ms(NOW),
                answer_by_ms=epoch_ms(NOW), attempts_left=0, state="other_person", nonce="n", verdicts=[],
                decided_ms=epoch_ms(NOW), **own,
            )
        )  # fmt: skip
        tx.session.add(
            FaceFrameRow(
                id="frm_1", check_id="chk_1", evidence_id=evidence, sha256="0" * 64, received_real=NOW, **own
            )
        )
    client = furnished.as_staff("official-guangzhou")
    at = f"/authority/class-runs/{RUN}/learners/{learner}"
    page = send(client, at, at, purpose="核查投诉事项")[1]
    picture = client.get(f"{at}/frames/frm_1")

    assert 'data-testid="learner-check"' in page
    assert "与登记的人脸不一致" in page
    assert f"{at}/frames/frm_1" in page
    assert picture.data == JPEG
    assert client.get(f"{at}/frames/frm_2").status_code == 404
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        last = newest(tx, learner=learner, before=None, limit=1)[0]
    assert (last.what, last.purpose, last.recipient) == ("face", "supervision: 核查投诉事项", "广州市")


def test_the_overview_shows_what_was_studied_by_day_and_city(printing: Furnished) -> None:
    furnished = printing
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    furnished.pass_test(learner)
    furnished.clock.advance(seconds=int(SETTLES_FOR.total_seconds()) + 1)
    furnished.work_off()
    furnished.clock.advance(seconds=int(SETTLES_FOR.total_seconds()) + 1)
    furnished.work_off()

    page = furnished.as_staff("official-guangzhou").get("/authority").text
    other = furnished.as_staff("official-shenzhen").get("/authority").text

    assert '<b data-testid="total-enrolled">1</b>' in page
    assert '<b data-testid="total-papers">1</b>' in page
    assert '<b data-testid="total-credited">0 秒</b>' not in page
    assert '<b data-testid="total-enrolled">0</b>' in other
    for key in ("taught", "enrolled", "hours", "checks", "anomalies"):
        assert f'data-testid="chart-{key}"' in page
    with furnished.house.uow.across_institutions("test: recount", read_only=True) as tx:
        assert differences(tx, [(ORG, RUN)]) == []
    assert days_differ(furnished.house, ORG, learner, RUN) == ()


def test_a_signal_tells_of_who_studied_for_long_and_was_never_seen_to_be_the_person(
    printing: Furnished,
) -> None:
    furnished = printing
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.capture(learner, anchored_at=None)
    begin = NOW - timedelta(hours=4)
    for number, unit in enumerate(("unit_electric", "unit_fire")):
        start = begin + timedelta(minutes=60 * number)
        furnished.watch(learner, f"ses_{unit}", unit, start, 3000)
        for minute in range(0, 51, 5):
            furnished.check(learner, f"ses_{unit}", start + timedelta(minutes=minute))
        furnished.work_off()
        page = furnished.as_staff("official-guangzhou").get("/authority/signals").text
        assert page.count('data-kind="studied_unanchored"') == number, "50 minutes are not long, 100 are"


def test_lists_are_of_the_area_and_in_the_order_of_codes(looked_at: Furnished) -> None:
    client = looked_at.as_staff("official-guangzhou")
    institutions = client.get("/authority/institutions").text

    assert "示例安全培训中心" in institutions
    assert "鹏城示例培训学校" not in institutions
    assert "run_demo" in client.get("/authority/class-runs?when=now").text
    assert "run_demo" not in client.get("/authority/class-runs?institution=org_sz").text
    assert client.get("/authority/reports").status_code == 200
    assert client.get("/authority/class-runs?page=x&when=y").status_code == 200


def registration(**changed: str) -> dict[str, str]:
    body = "91440101MA5ABCDE" + "1"
    return {
        "number": body + check_character(body), "name": "新登记示例学校", "seat": "440106",
        "offline_report": "穗应急报〔2026〕5号", "letter_on": TODAY, "document_number": "穗网培登〔2026〕9号",
        "notice": "穗应急公告〔2026〕3号", "valid_from": TODAY, "valid_until": "2027-06-30", "checked": "1", **changed,
    }  # fmt: skip


def test_a_city_registers_an_institution_that_it_knows(furnished: Furnished) -> None:
    client = furnished.as_staff("official-guangzhou")
    at = "/authority/institutions/new"

    unchecked = send(client, at, at, **registration(checked=""))
    wrong = send(client, at, at, **registration(number="91440101MA5ABCDE10"))
    right = send(client, at, at, **registration())
    again = send(client, at, at, **registration())
    elsewhere = send(client, at, at, **registration(number="91440101MA5ABCDE20", seat="440305"))

    assert (unchecked[0], wrong[0], right[0], again[0]) == (422, 400, 303, 409)
    assert elsewhere[0] in (400, 422)
    listed = client.get("/authority/institutions").text
    assert listed.count("新登记示例学校") == 1
    assert "穗网培登〔2026〕9号" in listed
    assert "未接入" in listed
    assert "新登记示例学校" not in furnished.as_staff("official-shenzhen").get("/authority/institutions").text
    county = second_official(furnished, "official-tianhe", "440106")
    assert county.get(at).status_code == 403
    assert "新登记示例学校" in county.get("/authority/institutions").text


def test_an_order_is_shown_to_the_institution_stops_teaching_and_is_taken_back(furnished: Furnished) -> None:
    client = furnished.as_staff("official-guangzhou")
    at = f"/authority/institutions/{ORG}"
    said = {
        "document_number": "穗应急停〔2026〕1号",
        "suspend_reason": "抽查发现学时造假",
        "notice": "请学员联系机构办理退费。",
    }

    assert send(client, f"{at}/suspend", at, **said, from_day="2026-01-01")[0] == 422
    assert send(client, f"{at}/suspend", at, **said, from_day=TODAY)[0] == 303
    staff = furnished.as_staff("staff-lin")
    assert "穗应急停〔2026〕1号" in staff.get("/institution/spot-checks").text
    assert "暂停本机构在本地区的网络培训" in staff.get(f"/institution/class-runs/{RUN}").text
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        order = furnished.house.at(tx).suspensions.all()[0].id
    restore = {
        "restore_number": "穗应急复〔2026〕1号",
        "restore_reason": "整改合格,恢复培训",
        "restore_day": TODAY,
    }
    province = second_official(furnished, "official-province", "440000")
    assert send(province, f"{at}/suspensions/{order}/restore", at, **restore)[0] == 403
    shenzhen = furnished.as_staff("official-shenzhen")
    assert send(shenzhen, f"{at}/suspensions/{order}/restore", "/authority", **restore)[0] == 404
    assert send(client, f"{at}/suspensions/{order}/restore", at, **restore)[0] == 303
    assert "暂停本机构在本地区的网络培训" not in staff.get(f"/institution/class-runs/{RUN}").text


def test_a_spot_check_goes_from_finding_to_closing(furnished: Furnished) -> None:
    client, staff = furnished.as_staff("official-guangzhou"), furnished.as_staff("staff-lin")
    run_page = f"/authority/class-runs/{RUN}"
    status, _, where = send(
        client, "/authority/spot-checks", run_page, class_run=str(RUN), reason="例行抽查", checked_on=TODAY
    )
    assert status == 303
    finding = {"subject": "hours", "text": "两名学员学时与台账不符", "deadline": WEEK}
    assert send(client, f"{where}/findings", where, **finding)[0] == 303
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        made = furnished.house.at(tx).spot_checks.all()[0].findings[0].id

    early = send(client, f"{where}/findings/{made}", where, step="accept", note="直接合格")
    told = staff.get("/institution/spot-checks").text
    answered = send(
        staff, f"/institution/spot-checks/{where.rpartition('/')[2]}/findings/{made}",
        "/institution/spot-checks", note="已更正并培训人员",
    )  # fmt: skip
    open_still = send(client, f"{where}/close", where, conclusion="合格")
    accepted = send(client, f"{where}/findings/{made}", where, step="accept", note="复查合格")
    closed = send(client, f"{where}/close", where, conclusion="整改合格,予以办结")

    assert "两名学员学时与台账不符" in told
    assert (early[0], answered[0], open_still[0], accepted[0], closed[0]) == (409, 303, 409, 303, 303)
    assert 'data-testid="spot-closed"' in client.get(where).text
    assert furnished.as_staff("official-shenzhen").get(where).status_code == 404


def test_a_list_leaves_the_house_once_another_official_allowed_it(furnished: Furnished) -> None:
    first, second = furnished.as_staff("official-guangzhou"), second_official(furnished)
    at = "/authority/exports"
    assert send(first, at, at, kind="class_runs", purpose="年度检查", recipient="广州市应急管理局")[0] == 303
    export = first.get(at).text.split("/exports/")
    assert len(export) == 1, "who asked has no button to allow it"
    export_id = second.get(at).text.split("/authority/exports/")[1].split("/")[0]

    assert send(first, f"{at}/{export_id}/decide", at, do="allow")[0] == 403
    assert send(first, f"{at}/{export_id}/fetch", at)[0] == 409
    assert send(second, f"{at}/{export_id}/decide", at, do="allow")[0] == 303
    assert "export-fetch" not in second.get(at).text
    assert send(second, f"{at}/{export_id}/fetch", at)[0] == 403
    answer = first.post(f"{at}/{export_id}/fetch", data={"csrf_token": token(first, at)})

    assert answer.status_code == 200
    cells = [[cell.value for cell in row] for row in load_workbook(io.BytesIO(answer.data)).worksheets[0]]
    assert any("official-second" in str(row[0]) for row in cells)
    assert any("示例安全培训中心" in str(cell) for row in cells for cell in row)
    assert not any("鹏城" in str(cell) for row in cells for cell in row)
    assert "1 行" in first.get(at).text
    shenzhen = furnished.as_staff("official-shenzhen")
    assert send(shenzhen, f"{at}/{export_id}/fetch", "/authority")[0] == 404


def test_an_institution_exports_who_may_apply_for_the_exam_and_what_is_missing(furnished: Furnished) -> None:
    _account, ready = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    lin, zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")
    at = "/institution/exports"
    form = {"kind": "eligibility", "class_run": str(RUN), "purpose": "考试报名", "recipient": "市考试中心"}
    assert send(lin, at, at, **form)[0] == 303
    assert send(lin, at, at, **{**form, "class_run": "run_sz"})[0] == 404
    export = zhou.get(at).text.split("/institution/exports/")[1].split("/")[0]
    assert send(zhou, f"{at}/{export}/decide", at, do="allow")[0] == 303
    answer = lin.post(f"{at}/{export}/fetch", data={"csrf_token": token(lin, at)})

    cells = [[cell.value for cell in row] for row in load_workbook(io.BytesIO(answer.data)).worksheets[0]]
    rows = {row[0]: row for row in cells}
    assert rows[CHEN][1] == CHEN_ID
    assert "测试合格" in str(rows[HUANG][13])
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        logged = newest(tx, learner=ready, before=None, limit=1)[0]
    assert (logged.purpose, logged.recipient, logged.what) == (
        "export.eligibility",
        "市考试中心",
        "identity_full",
    )


def test_staff_write_down_where_learners_work(furnished: Furnished) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    staff = furnished.as_staff("staff-lin")
    at = f"/institution/class-runs/{RUN}/areas"

    assert send(staff, at, at, learner=learner, division="999999")[0] == 422
    assert send(staff, at, at, learner="lr_nobody", division="440106")[0] == 404
    assert send(staff, at, at, learner=learner, division="440106")[0] == 303
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        assert furnished.house.at(tx).learner_areas.of_class_run(RUN) == {learner: "440106"}


@pytest.mark.parametrize(
    "path",
    [
        "institutions",
        "institutions/new",
        "class-runs",
        "reports",
        "spot-checks",
        "exports",
        f"institutions/{ORG}",
    ],
)
def test_no_page_of_an_authority_is_an_institutions_to_see(looked_at: Furnished, path: str) -> None:
    assert looked_at.as_staff("staff-lin").get(f"/authority/{path}").status_code == 403
    assert looked_at.client().get(f"/authority/{path}").status_code == 303


def test_nobody_checks_or_stops_an_institution_of_another_area(furnished: Furnished) -> None:
    client = furnished.as_staff("official-shenzhen")
    said = {
        "document_number": "深应急停〔2026〕1号",
        "suspend_reason": "抽查发现造假",
        "notice": "请联系机构退费。",
    }
    for at, form in (
        ("/authority/spot-checks", {"institution": str(ORG), "reason": "例行抽查", "checked_on": TODAY}),
        ("/authority/spot-checks", {"class_run": str(RUN), "reason": "例行抽查", "checked_on": TODAY}),
        (f"/authority/institutions/{ORG}/suspend", {**said, "from_day": TODAY}),
    ):
        assert send(client, at, "/authority", **form)[0] == 404
    with furnished.house.uow.for_institution(InstitutionId(ORG), read_only=True) as tx:
        stations = furnished.house.at(tx)
        assert (stations.spot_checks.all(), list(stations.suspensions.all())) == ((), [])
