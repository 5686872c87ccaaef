"""Staff see the fate of every report, correct, take back, send again and compare; nobody sees another's."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from bridge.identity.tables import DisclosureRow
from bridge.kernel.time import legal_date
from bridge.reporting.door import Door
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.reconciliation import Compared, Day
from bridge.wiring import feed_desk
from plugins.reporting.rehearsal.stand import class_run_record, records_of
from plugins.simulators.province.archive import Archive
from tests.reporting.stand import CITY, KEY, serve_province
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, ORG, Furnished, token

PAGE = "/institution/feed"
STUDY = {"StudySession", "Check"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "province"


@pytest.fixture
def connected(furnished: Furnished, state: Path) -> Iterator[Furnished]:
    """A house beside the simulator; its learner's study is queued, and the class run that it hangs on is not."""
    with serve_province(state) as address:
        _connect(furnished, address, KEY)
        _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        records = [one for one in records_of(learner, 1) if one.kind.value in STUDY]
        with furnished.house.uow.for_institution(ORG) as tx:
            furnished.house.at(tx).reporting.queue(records, CITY)
        yield furnished


def _connect(furnished: Furnished, address: str, key: str) -> None:
    house = furnished.house
    house.settings = house.settings.model_copy(update={"regulator_url": address, "regulator_key": key})
    house.__dict__.pop("regulator_feed", None)


def _post(staff: FlaskClient, path: str, **form: str) -> int:
    return staff.post(f"{PAGE}{path}", data={"csrf_token": token(staff, PAGE), **form}).status_code


def _batch(furnished: Furnished) -> str:
    with furnished.house.uow.for_institution(ORG) as tx:
        return furnished.house.at(tx).reporting.reports()[0].batch.id


def test_without_a_regulator_the_page_says_so_and_records_wait(furnished: Furnished) -> None:
    staff = furnished.as_staff("staff-lin")
    assert PAGE in staff.get("/institution").text
    page = staff.get(PAGE).text
    assert 'data-testid="door-missing"' in page
    assert 'data-testid="nothing-to-correct"' in page


def test_what_was_returned_shows_its_reason_and_is_corrected_with_one_click(connected: Furnished) -> None:
    connected.work_off()
    staff = connected.as_staff("staff-lin")
    page = staff.get(PAGE).text
    assert page.count('data-testid="to-correct"') == 2
    assert "没有接收过该班次" in page
    assert CHEN not in page
    with connected.house.uow.for_institution(ORG) as tx:
        connected.house.at(tx).reporting.queue([class_run_record()], CITY)
    connected.work_off()
    assert _post(staff, "/records/correct-all") == 303
    connected.work_off()
    page = staff.get(PAGE).text
    # The class run is known now, and the learner is not: another reason, another revision.
    assert "没有接收过该班次的这名学员" in page
    assert "第 2 版" in page
    assert _post(staff, "/records/Check/nobody/correct") == 404
    assert _post(staff, "/records/Person/nobody/correct") == 404


def test_a_stopped_door_is_put_right_with_one_click(connected: Furnished, state: Path) -> None:
    address = connected.house.settings.regulator_url
    _connect(connected, address, "wrong")
    connected.work_off()
    staff = connected.as_staff("staff-lin")
    page = staff.get(PAGE).text
    assert 'data-testid="door-stopped"' in page
    assert "监管平台不接受本平台的密钥" in page
    assert page.count('data-testid="failed-batch"') == 1
    assert _post(staff, f"/batches/{_batch(connected)}/send-again") == 303
    _connect(connected, address, KEY)
    connected.work_off()
    page = staff.get(PAGE).text
    assert 'data-testid="door-good"' in page
    assert 'data-testid="failed-batch"' not in page
    assert _post(staff, "/send-all-again") == 303
    books = Archive(state)
    with books.open() as connection:
        assert len(books.batches(connection)) == 1


def test_more_than_the_page_lists_are_corrected_all_the_same(connected: Furnished) -> None:
    _, learner = connected.enrol("lms-user-1002", HUANG, HUANG_ID)
    with connected.house.uow.for_institution(ORG) as tx:
        records = [one for one in records_of(learner, 50) if one.kind.value in STUDY]
        connected.house.at(tx).reporting.queue(records, CITY)
    connected.work_off()
    staff = connected.as_staff("staff-lin")
    page = staff.get(PAGE).text
    assert page.count('data-testid="to-correct"') == 100
    assert 'data-testid="more-to-correct"' in page
    assert 'data-testid="to-correct-count">100+<' in page
    assert _post(staff, "/records/correct-all") == 303
    assert feed_desk.states(connected.house, ORG)["records"]["waiting"] == 102


def test_an_open_circuit_says_until_when(connected: Furnished) -> None:
    rules, now = connected.house.feed_rules, connected.clock.now()
    door = Door()
    for _ in range(rules.failures_until_open):
        door = door.after_failure(now, "regulator_busy", rules)
    with connected.house.uow.for_institution(ORG) as tx:
        SqlDoorStore(tx).save_door(door)
    page = connected.as_staff("staff-lin").get(PAGE).text
    assert 'data-testid="door-open"' in page
    assert "12:01" in page


def test_an_accepted_record_is_taken_back_and_the_batch_shows_all_that_happened(connected: Furnished) -> None:
    with connected.house.uow.for_institution(ORG) as tx:
        connected.house.at(tx).reporting.queue([class_run_record()], CITY)
    connected.work_off()
    staff = connected.as_staff("staff-lin")
    page = staff.get(f"{PAGE}/batches/{_batch(connected)}").text
    assert page.count('data-testid="attempt"') == 1
    assert "收到回执" in page
    assert page.count('data-testid="withdraw"') == 1
    assert _post(staff, "/records/ClassInfo/run_rehearsal/withdraw", reason="reported_twice") == 303
    connected.work_off()
    assert _post(staff, "/records/ClassInfo/run_rehearsal/withdraw", reason="reported_twice") == 409
    assert "撤回" in staff.get(f"{PAGE}/batches/{_batch(connected)}").text


def test_the_evidence_leaves_with_a_line_in_the_access_log(connected: Furnished) -> None:
    connected.work_off()
    staff = connected.as_staff("staff-lin")
    batch_id = _batch(connected)
    answer = staff.post(f"{PAGE}/batches/{batch_id}/evidence", data={"csrf_token": token(staff, PAGE)})
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        assert f"{batch_id}/receipt.xml" in bundle.namelist()
    with connected.house.uow.for_institution(ORG) as tx:
        assert tx.session.scalar(
            select(DisclosureRow.recipient).where(DisclosureRow.purpose == "report_evidence")
        )


def test_a_comparison_is_made_and_shown(connected: Furnished) -> None:
    connected.work_off()
    staff = connected.as_staff("staff-lin")
    today = legal_date(connected.clock.now()).isoformat()
    answer = staff.post(
        f"{PAGE}/reconcile", data={"csrf_token": token(staff, PAGE), "division": CITY, "day": today}
    )
    assert answer.status_code == 303
    assert 'data-testid="reconciliation-agrees"' in staff.get(answer.headers["Location"]).text
    assert 'data-testid="reconciliation"' in staff.get(PAGE).text
    assert _post(staff, "/reconcile", division="999999", day=today) == 400
    assert _post(staff, "/reconcile", division=CITY, day="yesterday") == 400


def test_every_comparison_that_was_kept_can_be_opened_and_by_its_institution_alone(
    connected: Furnished,
) -> None:
    ours = Day("", CITY, date(2026, 11, 1), ())
    with connected.house.uow.for_institution(ORG) as tx:
        reconciling = connected.house.at(tx).reconciliation
        oldest = reconciling.keep(Compared(ours, None, (), "books_malformed"), by="test")
        connected.clock.advance(seconds=1)
        for _ in range(60):
            reconciling.keep(Compared(ours, None, (), "books_malformed"), by="test")
    staff = connected.as_staff("staff-lin")
    page = staff.get(f"{PAGE}/reconciliations/{oldest.id}")
    assert page.status_code == 200
    assert 'data-testid="reconciliation-failed"' in page.text
    assert staff.get(f"{PAGE}/reconciliations/rn_nothing").status_code == 404
    other = connected.as_staff("staff-ping")
    assert other.get(f"{PAGE}/reconciliations/{oldest.id}").status_code == 404


def test_another_institution_and_officials_see_and_do_nothing(connected: Furnished) -> None:
    connected.work_off()
    batch_id = _batch(connected)
    other = connected.as_staff("staff-ping")
    assert other.get(f"{PAGE}/batches/{batch_id}").status_code == 404
    assert (
        other.post(f"{PAGE}/batches/{batch_id}/evidence", data={"csrf_token": token(other, PAGE)}).status_code
        == 404
    )
    assert batch_id not in other.get(PAGE).text
    assert connected.as_staff("official-guangzhou").get(PAGE).status_code == 403
