"""The institution's papers: issued for a class, changed by two people, looked at on a telephone."""

import pytest
from sqlalchemy import select

from bridge.completion.life_model import PaperChangeKind
from bridge.completion.specimen import MARK
from bridge.completion.store import CertificateRow
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.reporting.tables import ReportRecordRow
from bridge.wiring.paper_ends import end_papers
from plugins.completion.paper_picture import text_of
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, ORG, RUN, Furnished, token

Finished = tuple[Furnished, str, LearnerRef, str]


def page_of(learner: LearnerRef) -> str:
    return f"/institution/class-runs/{RUN}/learners/{learner}/papers"


def test_one_proposes_another_confirms_and_the_paper_is_revoked(finished_alone: Finished) -> None:
    house, _account, learner, number = finished_alone
    lin, zhou = house.as_staff("staff-lin"), house.as_staff("staff-zhou")
    path = page_of(learner)
    form = {"what": "revoke", "number": number, "reason": "impersonation_found"}

    proposed = lin.post(path, data={"csrf_token": token(lin, path), **form})

    assert proposed.status_code == 303
    own = lin.get(path).text
    assert 'data-testid="paper-confirm-own"' in own
    assert 'data-testid="paper-confirm"' not in own
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        (change,) = house.house.at(tx).paper_life.of(learner, RUN)
    answer = lin.post(f"{path}/{change.id}/confirm", data={"csrf_token": token(lin, path)})
    assert answer.status_code == 403
    answer = zhou.post(f"{path}/{change.id}/confirm", data={"csrf_token": token(zhou, path)})
    assert answer.status_code == 303
    assert f'data-number="{number}" data-status="revoked"' in zhou.get(path).text

    house.work_off()
    certificate = select(ReportRecordRow).where(
        ReportRecordRow.kind == "Certificate", ReportRecordRow.number == number
    )
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        told = {one.revision: one.fields["Status"] for one in tx.session.scalars(certificate)}
    assert told == {1: "valid", 2: "revoked"}


def test_superseding_issues_a_paper_with_both_seals(finished_alone: Finished) -> None:
    house, _account, learner, number = finished_alone
    lin, zhou = house.as_staff("staff-lin"), house.as_staff("staff-zhou")
    path = page_of(learner)
    form = {"what": "supersede", "number": number, "reason": "printing_fault"}
    lin.post(path, data={"csrf_token": token(lin, path), **form})
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        (change,) = house.house.at(tx).paper_life.of(learner, RUN)
    zhou.post(f"{path}/{change.id}/confirm", data={"csrf_token": token(zhou, path)})
    house.work_off()

    papers = {one.number: one for one in house.papers(learner)}
    old = papers[number]
    assert (old.status, papers[old.replaced_by or ""].status) == ("superseded", "valid")
    new = papers[old.replaced_by or ""]
    assert house.house.signatures_of(house.house.certificate_pdf(ORG, new.number)).state.value == "good"


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"what": "nothing"}, 400),
        ({"what": "revoke", "reason": "term_over"}, 400),
        ({"what": "expire", "reason": "term_over", "expires_on": "soon"}, 400),
        ({"what": "revoke", "reason": "false_proof", "number": "440100-2026-00000-00000-00000-0"}, 404),
    ],
)
def test_what_cannot_be_proposed_is_said_on_the_page(
    finished: Finished, form: dict[str, str], status: int
) -> None:
    house, _account, learner, number = finished
    lin = house.as_staff("staff-lin")
    path = page_of(learner)

    answer = lin.post(path, data={"csrf_token": token(lin, path), "number": number, **form})

    assert (answer.status_code, 'data-testid="paper-error"' in answer.text) == (status, True)


def test_a_paper_is_changed_on_its_own_learners_page_alone(finished_alone: Finished) -> None:
    house, _account, _learner, number = finished_alone
    _other_account, other = house.enrol("lms-user-1002", HUANG, HUANG_ID)
    lin = house.as_staff("staff-lin")
    path = page_of(other)
    form = {"csrf_token": token(lin, path), "what": "revoke", "number": number, "reason": "false_proof"}

    assert lin.post(path, data=form).status_code == 404

    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        assert house.house.at(tx).paper_changes.last_of(number) is None
        assert not house.house.at(tx).paper_life.of(other, RUN)


def test_a_class_gets_its_papers_and_is_told_who_has_none(finished_alone: Finished) -> None:
    house, *_ = finished_alone
    house.enrol("lms-user-1002", HUANG, HUANG_ID)
    lin = house.as_staff("staff-lin")
    path = f"/institution/class-runs/{RUN}/papers"

    assert lin.post(path, data={"csrf_token": token(lin, path)}).status_code == 303
    assert 'data-done="0" data-total="2"' in lin.get(path).text
    house.work_off()

    page = lin.get(path).text
    assert 'data-done="2" data-total="2"' in page
    assert "线下" in page or "网络课程学时" in page
    assert CHEN not in page
    assert CHEN_ID not in page
    answer = lin.get(f"{path}/progress")
    assert answer.headers["HX-Refresh"] == "true"


def test_a_name_that_no_font_can_print_is_told_before_anybody_issues(finished_alone: Finished) -> None:
    house, *_ = finished_alone
    house.enrol("lms-user-1002", HUANG, HUANG_ID)
    lin = house.as_staff("staff-lin")
    path = f"/institution/class-runs/{RUN}/papers"
    assert "U+" not in lin.get(path).text
    house.house.printer._glyphs = house.house.printer._glyphs - {ord(HUANG[0])}

    page = lin.get(path).text

    assert page.count("在证明字体中没有") == 1
    assert f"U+{ord(HUANG[0]):04X}" in page


def test_a_paper_whose_day_has_come_is_noted_by_the_sweep(finished_alone: Finished) -> None:
    house, _account, _learner, number = finished_alone
    today = legal_date(house.clock.now())
    with house.house.uow.for_institution(ORG) as tx:
        life = house.house.at(tx).paper_life
        change = life.propose(
            number, PaperChangeKind.EXPIRE, reason="term_over", by="staff_a", expires_on=today
        )
        life.confirm(change.id, "staff_b")

    assert end_papers(house.house) == 1
    assert end_papers(house.house) == 0

    house.work_off()
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        kept = tx.session.get(CertificateRow, number)
        assert kept is not None
        assert kept.status == "expired"


def test_another_institution_sees_and_changes_nothing(finished: Finished) -> None:
    house, _account, learner, number = finished
    stranger = house.as_staff("staff-ping")
    for path in (page_of(learner), f"/institution/class-runs/{RUN}/papers"):
        assert stranger.get(path).status_code == 404
        form = {"csrf_token": token(stranger), "what": "revoke", "number": number, "reason": "false_proof"}
        assert stranger.post(path, data=form).status_code == 404
    assert stranger.get(f"/institution/certificates/{number}/page.png").status_code == 404


def test_a_specimen_shows_the_template_with_nobody_on_it(finished: Finished) -> None:
    house, *_ = finished
    lin = house.as_staff("staff-lin")

    for kind in ("hour_certificate", "completion_statement"):
        answer = lin.get(f"/institution/papers/specimen-{kind}.pdf")
        assert answer.mimetype == "application/pdf"
        pages, text = text_of(answer.data)
        assert (pages, MARK in text, "示例安全培训中心" in text) == (1, True, True)
    assert lin.get("/institution/papers/specimen-other.pdf").status_code == 404


def test_a_learner_sees_the_paper_as_a_picture_and_wechat_gets_the_file_inline(finished: Finished) -> None:
    house, account, learner, number = finished
    client = house.as_learner(account, learner)

    page = client.get(f"/learner/certificates/{number}")
    picture = client.get(f"/learner/certificates/{number}/page.png")

    assert f"/learner/certificates/{number}/page.png" in page.text
    assert (picture.mimetype, picture.data[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    path = f"/learner/certificates/{number}.pdf"
    shown = {
        agent: client.get(path, headers={"User-Agent": agent})
        .headers["Content-Disposition"]
        .partition(";")[0]
        for agent in ("Mozilla/5.0 Chrome/130", "Mozilla/5.0 MicroMessenger/8.0.50")
    }
    assert list(shown.values()) == ["attachment", "inline"]


def test_another_learners_picture_is_unknown(finished_alone: Finished) -> None:
    house, _account, _learner, number = finished_alone
    other, other_learner = house.enrol("lms-user-1002", HUANG, HUANG_ID)
    client = house.as_learner(other, other_learner)
    for path in (f"/learner/certificates/{number}", f"/learner/certificates/{number}/page.png"):
        assert client.get(path).status_code == 404
