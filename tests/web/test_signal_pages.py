"""The pages of signals and of article 27: looked into by name, never deleted, another area's unseen."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import rfc3339
from bridge.supervision.signals_model import EXPLANATIONS, SignalKind
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, PLATFORM, RUN, Furnished, token

SIGNALS, CONTACT = "/institution/signals", "/institution/class-runs/run_demo/contact"
REASON = "学习平台由集团统一管理,邮箱栏位正在停用,预计两周内完成。"


def raise_signal(furnished: Furnished, kind: str = "login_as", **data: Any) -> str:
    """Raise a signal as an LMS tells it; return its id."""
    told = {
        "kind": kind,
        "occurred_at": rfc3339(NOW - timedelta(minutes=3)),
        "class_run": RUN,
        "unit": None,
        "learner": None,
        "account": "blind_00000000000000000000000000000001",
        "actor": "blind_00000000000000000000000000000002",
        "before": None,
        "after": None,
        "message": f"msg_{kind}_{len(signal_ids(furnished))}",
        **data,
    }
    before = signal_ids(furnished)
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).signals.raise_from_lms(told)
    (new,) = set(signal_ids(furnished)) - set(before)
    return new


def signal_ids(furnished: Furnished) -> list[str]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return [one.id for one in furnished.house.at(tx).signals.page(None).signals]


def scan(furnished: Furnished, with_contact: int, number: int = 1) -> None:
    """Let the platform count, as its plugin does."""
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        place = stations.intake._lms.place(PLATFORM, "demo-course-1", None)
        stations.contact_gate.note_plugin({"registration": PLATFORM})
        stations.contact_gate.note_scan(
            {
                "registration": PLATFORM,
                "context": place.context,
                "class_run": RUN,
                "learners": 5,
                "with_contact": with_contact,
                "counts": [with_contact, 0, 0, 0, 0],
                "occurred_at": rfc3339(NOW + timedelta(minutes=number)),
                "message": f"msg_scan_{number}",
            }
        )
    furnished.work_off()


def acknowledge(client: FlaskClient, signal: str, note: str) -> tuple[int, str]:
    form = {"csrf_token": token(client, SIGNALS), "note": note}
    answer = client.post(f"{SIGNALS}/{signal}/acknowledge", data=form, follow_redirects=True)
    return answer.status_code, answer.text


def except_contact(client: FlaskClient, **changed: str) -> tuple[int, str]:
    form = {"csrf_token": token(client, CONTACT), "reason": REASON, "until": "2026-12-10", **changed}
    answer = client.post(f"{CONTACT}/exceptions", data=form, follow_redirects=True)
    return answer.status_code, answer.text


@pytest.mark.parametrize("kind", ["login_as", "grade_overridden", "pass_mark_lowered", "course_file_changed"])
def test_a_signal_says_what_it_means_and_what_to_do(furnished: Furnished, kind: str) -> None:
    raise_signal(furnished, kind, before="80", after="60")

    page = furnished.as_staff("staff-lin").get(SIGNALS).text

    said = EXPLANATIONS[SignalKind(kind)]
    assert f'data-kind="{kind}"' in page
    for sentence in (said.title, said.meaning[:6], said.to_do[:6]):
        assert sentence in page
    assert "80 → 60" in page


def test_the_learner_of_a_signal_is_shown_masked_to_the_institution_and_the_look_is_logged(
    furnished: Furnished,
) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    raise_signal(furnished, learner=learner)

    page = furnished.as_staff("staff-lin").get(SIGNALS).text

    assert "陈*安" in page
    assert CHEN not in page
    with furnished.house.uow.across_institutions("test: the log", read_only=True) as tx:
        found = tx.session.connection().exec_driver_sql("SELECT purpose FROM disclosure").scalars().all()
    assert list(found) == ["institution.signals_page"]


def test_a_signal_is_acknowledged_once_by_name_and_stays(furnished: Furnished) -> None:
    signal = raise_signal(furnished)
    lin, zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")

    status, page = acknowledge(lin, signal, "管理员排查播放故障,工单 2026-113")
    again, refused = acknowledge(zhou, signal, "另一个说法")

    assert status == 200
    assert "staff-lin" in page
    assert "管理员排查播放故障" in page
    assert again == 409
    assert "已由其他工作人员核实" in refused
    assert signal_ids(furnished) == [signal]
    assert "另一个说法" not in zhou.get(SIGNALS).text


@pytest.mark.parametrize("note", ["", "  ", "好"])
def test_an_acknowledgement_needs_words(furnished: Furnished, note: str) -> None:
    signal = raise_signal(furnished)

    status, page = acknowledge(furnished.as_staff("staff-lin"), signal, note)

    assert status == 422
    assert "请写明核实情况" in page
    assert "signal-acknowledged" not in page


def test_contact_data_typed_into_a_note_or_a_reason_is_kept_nowhere(furnished: Furnished) -> None:
    signal = raise_signal(furnished)
    scan(furnished, 2)
    client = furnished.as_staff("staff-lin")

    acknowledge(client, signal, "已联系 13900139000 核实,邮箱 canary@lms.example")
    except_contact(client, reason=REASON + "联系人电话 13900139000")

    with furnished.house.engine.connect() as connection:
        for table in ("supervision_signal_acknowledgement", "contact_exception"):
            rows = repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all())  # noqa: S608
            assert "[已去除联系方式]" in rows
            assert "13900139000" not in rows
            assert "lms.example" not in rows


def test_another_institution_neither_sees_nor_acknowledges(furnished: Furnished) -> None:
    signal = raise_signal(furnished)
    other = furnished.as_staff("staff-ping")

    status, _page = acknowledge(other, signal, "与我们无关")

    assert status == 404
    assert 'data-testid="signals-none"' in other.get(SIGNALS).text
    assert other.get(f"{SIGNALS}?class_run=run_demo").status_code == 404
    assert other.get(CONTACT).status_code == 404
    assert "signal-acknowledged" not in furnished.as_staff("staff-lin").get(SIGNALS).text


def test_the_authority_of_the_area_sees_signals_and_what_the_institution_says(furnished: Furnished) -> None:
    signal = raise_signal(furnished, learner=LearnerRef("ln_somebody"))
    acknowledge(furnished.as_staff("staff-lin"), signal, "管理员排查播放故障")
    raise_signal(furnished, "course_file_changed", class_run=None)

    guangzhou = furnished.as_staff("official-guangzhou").get("/authority/signals").text
    shenzhen = furnished.as_staff("official-shenzhen").get("/authority/signals").text

    assert guangzhou.count('data-testid="signal"') == 1
    assert "ln_somebody" in guangzhou
    assert "管理员排查播放故障" in guangzhou
    assert 'data-testid="signals-chart"' in guangzhou
    assert 'data-testid="signals-none"' in shenzhen
    assert "ln_somebody" not in shenzhen
    elsewhere = furnished.as_staff("official-shenzhen").get("/authority/signals?class_run=run_demo").text
    assert 'data-testid="signals-none"' in elsewhere


def test_the_class_runs_pages_count_them(furnished: Furnished) -> None:
    signal = raise_signal(furnished)
    raise_signal(furnished, "pass_mark_lowered", before="80", after="60")
    lin = furnished.as_staff("staff-lin")
    acknowledge(lin, signal, "管理员排查播放故障")

    official = furnished.as_staff("official-guangzhou")
    for page in (
        lin.get("/institution/class-runs/run_demo").text,
        official.get("/authority/class-runs/run_demo").text,
    ):
        assert "异常信号 2 条" in page
        assert "1 条" in page[page.index('data-testid="signals-open"') :][:60]
    assert "1 条待核实" in lin.get("/institution").text
    assert "异常信号 2 条" in official.get("/authority").text


def test_the_picture_counts_by_kind_and_week(furnished: Furnished) -> None:
    for kind in ("login_as", "login_as", "course_file_changed"):
        raise_signal(furnished, kind)
    furnished.clock.advance(days=7)
    raise_signal(furnished, "login_as")

    page = furnished.as_staff("staff-lin").get(SIGNALS).text

    assert '"name": "以学员身份登录", "values": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]' in page
    assert '"name": "课程内容被更换", "values": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]' in page


def test_two_people_sign_an_exception_and_the_authority_sees_it(furnished: Furnished) -> None:
    scan(furnished, 2)
    lin, zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")
    closed = lin.get(CONTACT).text

    status, page = except_contact(lin)
    still_closed = lin.get(CONTACT).text
    offered = zhou.get(CONTACT).text
    own, second = sign(furnished, lin), sign(furnished, zhou)
    furnished.work_off()

    assert 'data-reason="contact_data_in_lms"' in closed
    assert "第二十七条" in closed
    assert status == 200
    assert 'data-testid="exception-own"' in page
    assert 'data-reason="contact_data_in_lms"' in still_closed
    assert 'data-testid="exception-sign"' in offered
    assert (own, second) == (403, 303)
    assert 'data-testid="contact-clear"' in lin.get(CONTACT).text
    assert 'data-testid="not-open"' not in lin.get("/institution/class-runs/run_demo").text
    seen = furnished.as_staff("official-guangzhou").get("/authority/signals").text
    assert 'data-kind="contact_exception_signed"' in seen
    assert 'data-kind="contact_data_found"' in seen
    assert REASON in seen


def sign(furnished: Furnished, client: FlaskClient) -> int:
    """Sign the newest exception, whether or not the page offers it; return the status."""
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        exception = furnished.house.at(tx).contact_gate.sheet(RUN).standing.exceptions[-1].id
    form = {"csrf_token": token(client, CONTACT)}
    return client.post(f"{CONTACT}/exceptions/{exception}/sign", data=form).status_code


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": "太短"}, "请写明暂不能清理的原因"),
        ({"reason": ""}, "请写明暂不能清理的原因"),
        ({"until": "2026-11-23"}, "例外的截止日期应在"),
        ({"until": "2027-11-24"}, "例外的截止日期应在"),
        ({"until": "tomorrow"}, "请填写例外的截止日期"),
    ],
)
def test_an_exception_that_cannot_stand_is_explained(
    furnished: Furnished, changed: dict[str, str], said: str
) -> None:
    scan(furnished, 2)

    status, page = except_contact(furnished.as_staff("staff-lin"), **changed)

    assert status == 422
    assert said in page
    assert 'data-testid="contact-exception"' not in page


def test_a_binding_that_staff_end_by_hand_is_a_signal_to_both(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        identity = furnished.house.at(tx).identity
        assert identity.release_account(account, reason="account_lost", by="staff_lin")
        assert not identity.release_account(account, reason="account_lost", by="staff_lin")
    furnished.work_off()

    pages = (
        furnished.as_staff("staff-lin").get(SIGNALS).text,
        furnished.as_staff("official-guangzhou").get("/authority/signals").text,
    )

    for page in pages:
        assert page.count('data-kind="account_released"') == 1
        assert "staff_lin" in page
    assert learner in pages[1]


def test_an_administrator_without_an_institution_sees_no_signal(furnished: Furnished) -> None:
    with furnished.house.uow.across_institutions("test: invite") as tx:
        staff = furnished.house.at(tx).staff
        staff.accept(staff.invite("administrator", "admin-wu").token, "made-up-Pass-2026")

    assert furnished.as_staff("admin-wu").get(SIGNALS).status_code == 403


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("path", "posted", "allowed"),
    [
        (SIGNALS, f"{SIGNALS}/sgl_x/acknowledge", "staff-lin"),
        (CONTACT, f"{CONTACT}/exceptions", "staff-lin"),
        (CONTACT, f"{CONTACT}/exceptions/exc_x/sign", "staff-lin"),
        ("/authority/signals", "/authority", "official-guangzhou"),
    ],
)
def test_nobody_but_those_whom_they_are_for_opens_the_pages(
    furnished: Furnished, method: str, path: str, posted: str, allowed: str
) -> None:
    account = furnished.account("lms-user-1001")
    visitors = {
        "staff-lin": furnished.as_staff("staff-lin"),
        "official-guangzhou": furnished.as_staff("official-guangzhou"),
        "learner": furnished.as_learner(account),
        "nobody": furnished.client(),
    }

    for who, client in visitors.items():
        if method == "get":
            answer = client.get(path)
        else:
            form = {
                "csrf_token": token(client, "/sign-in"),
                "note": "试试看",
                "reason": REASON,
                "purpose": "试试看",
            }
            answer = client.post(posted, data=form)
        if who == allowed:
            assert answer.status_code in (200, 404, 409, 422), (who, answer.status_code)
        else:
            assert answer.status_code in (302, 303, 403), (who, answer.status_code)
            assert "sign-in" in answer.headers.get("Location", "sign-in")
