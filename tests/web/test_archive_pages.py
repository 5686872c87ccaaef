"""The archive's pages: files masked on the page and whole in what is downloaded, holds and the end by two people."""

import json
import tarfile
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from bridge.archive.retention import years_after
from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, ORG, OTHER_RUN, RUN, Furnished, furnish, token

WHERE = f"/institution/class-runs/{RUN}/archive"
REASON = "穗安监复议〔2026〕12号"
Finished = tuple[Furnished, str, LearnerRef, str]


def post(furnished: Furnished, login: str, path: str, **form: str) -> tuple[int, str]:
    client = furnished.as_staff(login)
    reply = client.post(path, data={"csrf_token": token(client, "/platforms/new"), **form})
    return reply.status_code, reply.text


def test_the_pages_name_what_is_missing_and_show_nobody_whole(finished: Finished) -> None:
    furnished, _, learner, _ = finished
    client = furnished.as_staff("staff-lin")
    of_class = client.get(WHERE).text
    of_learner = client.get(f"/institution/class-runs/{RUN}/learners/{learner}/archive").text
    for page in (of_class, of_learner):
        assert 'data-testid="archive-missing"' in page or 'data-testid="archive-complete"' in page
        assert CHEN not in page
        assert CHEN_ID not in page
    assert "大纲有线下单元，还没有线下培训记录。" in of_class
    assert "2. 工作单位" in of_learner
    assert f"/institution/class-runs/{RUN}/learners/{learner}/archive" in of_class
    assert "至少保存至" in of_class


def test_what_is_downloaded_is_whole_and_nobody_keeps_a_copy_on_the_way(finished: Finished) -> None:
    furnished, _, learner, number = finished
    client = furnished.as_staff("staff-lin")
    for base in (WHERE, f"/institution/class-runs/{RUN}/learners/{learner}/archive"):
        pdf = client.get(f"{base}/pdf")
        assert (pdf.status_code, pdf.mimetype) == (200, "application/pdf")
        bag = client.get(f"{base}/tar")
        assert bag.headers["Cache-Control"] == "no-store"
        with tarfile.open(fileobj=BytesIO(bag.data)) as tar:
            names = tar.getnames()
            first = tar.extractfile(next(name for name in names if name.startswith("data/1-")))
            assert first is not None
            assert CHEN in first.read().decode()
        assert "manifest-sha512.txt" in names
    assert f"data/certificates/{number}.pdf" in names
    log = client.get("/institution/access-log").text
    assert "下载班次培训档案" in log
    assert "下载学员电子档案" in log


@pytest.mark.parametrize("path", ["", "/tar", "/pdf", "/disposal/receipt.json"])
def test_only_staff_of_the_institution_see_its_archive(finished: Finished, path: str) -> None:
    furnished, account, learner, _ = finished
    assert furnished.client().get(WHERE + path).status_code in (302, 303, 401, 403)
    assert furnished.as_learner(account, learner).get(WHERE + path).status_code in (302, 303, 403)
    assert furnished.as_staff("official-guangzhou").get(WHERE + path).status_code in (302, 303, 403)
    foreign = f"/institution/class-runs/{OTHER_RUN}/archive{path}"
    assert furnished.as_staff("staff-lin").get(foreign).status_code == 404


def test_a_hold_takes_two_people_to_confirm_and_two_to_end(furnished: Furnished) -> None:
    status, page = post(furnished, "staff-lin", f"{WHERE}/holds", reason="短", learner="")
    assert (status, 'data-testid="hold-wrong"' in page) == (422, True)
    assert post(furnished, "staff-lin", f"{WHERE}/holds", reason=REASON, learner="ln_nobody")[0] == 404
    assert (
        post(furnished, "staff-lin", f"{WHERE}/holds", reason=REASON + " 13800138000", learner="")[0] == 422
    )
    assert post(furnished, "staff-lin", f"{WHERE}/holds", reason=REASON, learner="")[0] == 303
    page = furnished.as_staff("staff-lin").get(WHERE).text
    assert 'data-state="asked"' in page
    assert 'data-testid="hold-own"' in page
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        hold = furnished.house.at(tx).legal_holds.of(RUN)[0].id
    one = f"{WHERE}/holds/{hold}"
    assert post(furnished, "staff-lin", f"{one}/confirm")[0] == 403
    assert post(furnished, "staff-zhou", f"{one}/confirm")[0] == 303
    assert post(furnished, "staff-zhou", f"{one}/release", reason="复议已经终结")[0] == 303
    assert post(furnished, "staff-zhou", f"{one}/release/confirm", reason="复议已经终结")[0] == 403
    assert post(furnished, "staff-lin", f"{one}/release/confirm", reason="复议已经终结")[0] == 303
    assert 'data-state="released"' in furnished.as_staff("staff-lin").get(WHERE).text
    assert post(furnished, "staff-lin", f"{one}/confirm")[0] == 409


def test_an_archive_ends_by_two_people_once_its_term_is_over(furnished: Furnished) -> None:
    assert post(furnished, "staff-lin", f"{WHERE}/disposal")[0] == 409
    assert "保存期未满" in furnished.as_staff("staff-lin").get(WHERE).text
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        closes = furnished.house.at(tx).registry.class_run(RUN).closes_on
    day = years_after(closes, 6) + timedelta(days=1)
    furnished.clock.at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    assert post(furnished, "staff-lin", f"{WHERE}/disposal")[0] == 303
    assert 'data-testid="disposal-own"' in furnished.as_staff("staff-lin").get(WHERE).text
    assert post(furnished, "staff-lin", f"{WHERE}/disposal/confirm")[0] == 403
    assert post(furnished, "staff-zhou", f"{WHERE}/disposal/confirm")[0] == 303
    client = furnished.as_staff("staff-lin")
    assert 'data-testid="disposal-done"' in client.get(WHERE).text
    assert client.get(f"{WHERE}/tar").status_code == 200
    receipt = json.loads(client.get(f"{WHERE}/disposal/receipt.json").data)
    assert receipt["receipt"]["type"] == "anxue-archive-disposal"


def test_a_name_that_no_font_has_is_said_rather_than_printed_as_a_box(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made = furnish(tmp_path_factory.mktemp("glyph"), with_fonts=True)
    made.enrol("lms-user-1001", CHEN, CHEN_ID)
    printer = made.house.sheet_printer
    printer._glyphs = frozenset(printer._glyphs - {ord(CHEN[-1])})  # type: ignore[attr-defined]  # TypstSheets's own
    answer = made.as_staff("staff-lin").get(f"{WHERE}/pdf")
    assert answer.status_code == 422
    assert "U+5B89" in answer.text
    assert CHEN not in answer.text
