"""The read API over HTTP: who gets in, what it answers, and that it answers what the pages show."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from bridge.app import create_app
from bridge.identity.access_log import newest
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.supervision.api_assertions import ASSERTION_TYPE, read_keys
from bridge.supervision.api_clients import ApiClients
from bridge.supervision.api_scopes import ApiScope
from bridge.web.api.cursors import Cursors
from bridge.web.api.operations import OPERATIONS
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, NOW, ORG, OTHER_RUN, RUN, Furnished
from tests.web.read_api import ALL, PURPOSE, Program, ask_token, basic, new_client, program

Finished = tuple[Furnished, str, LearnerRef, str]
GUANGZHOU, SHENZHEN = "440100", "440300"


@pytest.fixture
def reader(furnished: Furnished) -> Program:
    return program(furnished.house, furnished.client(), division=GUANGZHOU)


@pytest.fixture(scope="module")
def looking(looked_at: Furnished) -> Program:
    """A program in a house that its tests leave as it is."""
    return program(looked_at.house, looked_at.client(), division=GUANGZHOU)


def places(learner: str = "ln_nobody", batch: str = "batch_none", export: str = "lex_none") -> list[str]:
    """Return the path of every operation."""
    values = {"class_run": RUN, "learner": learner, "batch": batch, "export": export}
    return [one.path.format(**values) for one in OPERATIONS]


# Tokens


def test_a_token_is_given_by_basic_and_no_cookie_with_it(furnished: Furnished) -> None:
    client_id, secret = new_client(furnished.house, division=GUANGZHOU, scopes=("papers:read", "hours:read"))

    answer = ask_token(furnished.client(), client_id, secret, scope="papers:read")

    assert answer.status_code == 200
    told = answer.get_json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 600, "papers:read")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("form", "error", "status"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type", 400),
        ({"grant_type": ""}, "unsupported_grant_type", 400),
        ({"scope": "learners:read"}, "invalid_scope", 400),
        ({"scope": "all"}, "invalid_scope", 400),
        ({"resource": "https://elsewhere.example.cn/api/v1"}, "invalid_target", 400),
        ({"client_id": "apc_" + "0" * 26}, "invalid_client", 401),
        ({"client_secret": "in the body"}, "invalid_client", 401),
        ({"client_assertion": "a.b.c"}, "invalid_client", 401),
        ({"scope": "papers:read\n"}, "invalid_request", 400),
    ],
)
def test_a_request_for_a_token_that_is_not_right_says_so_as_oauth_does(
    looked_at: Furnished, form: dict[str, str], error: str, status: int
) -> None:
    client_id, secret = new_client(looked_at.house, division=GUANGZHOU, scopes=("papers:read",))

    answer = ask_token(looked_at.client(), client_id, secret, **form)

    assert (answer.status_code, answer.get_json()["error"]) == (status, error)
    assert answer.get_json()["error_description"].isascii()
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_parameters_twice_in_the_address_or_as_json_are_no_request(furnished: Furnished) -> None:
    client_id, secret = new_client(furnished.house, division=GUANGZHOU)
    browser, head = furnished.client(), basic(client_id, secret)
    at, once = "/api/oauth/token", {"grant_type": "client_credentials"}

    twice = browser.post(at, data={"grant_type": ["client_credentials", "password"]}, headers=head)
    in_address = browser.post(f"{at}?scope=papers:read", data=once, headers=head)
    as_json = browser.post(at, json=once, headers=head)

    for answer in (twice, in_address, as_json):
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert browser.get(at, headers=head).status_code == 405


def test_who_guesses_a_secret_waits_and_the_client_elsewhere_does_not(furnished: Furnished) -> None:
    client_id, secret = new_client(furnished.house, division=GUANGZHOU)
    guesser, owner = furnished.client(), furnished.client()
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    form = {"grant_type": "client_credentials"}

    def guess() -> int:
        headers = basic(client_id, "x" * 43)
        return guesser.post(
            "/api/oauth/token", data=form, headers=headers, environ_overrides=elsewhere
        ).status_code

    assert [guess() for _ in range(5)] == [401] * 5
    assert guess() == 429
    right = guesser.post(
        "/api/oauth/token", data=form, headers=basic(client_id, secret), environ_overrides=elsewhere
    )
    assert right.status_code == 429, "a right secret does not end the wait"
    assert int(right.headers["Retry-After"]) > 0
    assert ask_token(owner, client_id, secret).status_code == 200
    furnished.clock.advance(seconds=120)
    again = guesser.post(
        "/api/oauth/token", data=form, headers=basic(client_id, secret), environ_overrides=elsewhere
    )
    assert again.status_code == 200


def test_a_client_that_signs_gets_a_token_once_for_each_assertion(furnished: Furnished) -> None:
    key = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
    public = read_keys(KeySet([key]).as_dict(private=False))
    client_id, none = new_client(furnished.house, division=GUANGZHOU, keys=public)
    at = int(NOW.timestamp())
    audience = f"{furnished.house.settings.public_url}/api/oauth/token"

    def ask(**other: object) -> tuple[int, str]:
        said = {"iss": client_id, "sub": client_id, "aud": audience, "iat": at, "exp": at + 60, **other}
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode({"alg": "ES256", "kid": "k1"}, said, key),
        }
        answer = furnished.client().post("/api/oauth/token", data=form)
        return answer.status_code, answer.get_json().get("error", "")

    assert none == ""
    assert ask(jti="one") == (200, "")
    assert ask(jti="one") == (401, "invalid_client"), "an assertion is used once"
    assert ask(jti="two", aud=f"{audience}/") == (401, "invalid_client")
    assert ask(jti="three") == (200, "")
    assert ask_token(furnished.client(), client_id, "").status_code == 401, "it has no secret"


def test_a_token_can_be_given_back(furnished: Furnished, reader: Program) -> None:
    assert reader.get("/papers").status_code == 200
    given = reader.browser.post(
        "/api/oauth/revoke", data={"token": reader.token}, headers=basic(reader.client_id, reader.secret)
    )
    assert given.status_code == 200
    assert reader.get("/papers").status_code == 401
    refused = reader.browser.post(
        "/api/oauth/revoke", data={"token": reader.token}, headers=basic(reader.client_id, "x")
    )
    assert refused.status_code == 401


def test_the_server_says_where_tokens_are(furnished: Furnished) -> None:
    told = furnished.client().get("/.well-known/oauth-authorization-server").get_json()
    assert told["token_endpoint"] == f"{furnished.house.settings.public_url}/api/oauth/token"
    assert set(told["scopes_supported"]) == set(ALL)


# Who may


def test_every_operation_wants_a_token_that_holds(furnished: Furnished, reader: Program) -> None:
    for path in places():
        at = f"/api/v1{path}"
        for header in (None, "Bearer", "Bearer " + "x" * 43, f"Basic {reader.token}", "Bearer é" + "x" * 40):
            headers = {} if header is None else {"Authorization": header}
            answer = furnished.client().get(at, headers=headers)
            assert answer.status_code == 401, (path, header)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.mimetype == "application/problem+json"


def test_every_operation_wants_its_own_scope(furnished: Furnished) -> None:
    for operation in OPERATIONS:
        others = tuple(one for one in ApiScope if one is not operation.scope)
        other = program(furnished.house, furnished.client(), division=GUANGZHOU, scopes=others)
        path = operation.path.format(class_run=RUN, learner="ln_1", batch="batch_1", export="lex_1")
        answer = other.get(path, PURPOSE)
        assert (answer.status_code, answer.get_json()["reason"]) == (403, "insufficient_scope"), path
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_a_session_of_a_page_is_no_token_and_a_token_opens_no_page(furnished: Furnished) -> None:
    official = furnished.as_staff("official-guangzhou")
    assert official.get("/api/v1/papers").status_code == 401
    reader = program(furnished.house, furnished.client(), division=GUANGZHOU)
    page = reader.browser.get("/authority", headers={"Authorization": f"Bearer {reader.token}"})
    assert page.status_code == 303


def test_a_revoked_client_is_shut_out_at_once(furnished: Furnished, reader: Program) -> None:
    with furnished.house.uow.across_institutions("test") as tx:
        ApiClients(tx.session, furnished.clock).revoke(reader.client_id, by="operator-1", reason="系统下线")
    assert reader.get("/papers").get_json()["reason"] == "invalid_token"


def test_a_token_that_is_over_opens_nothing(furnished: Furnished, reader: Program) -> None:
    furnished.clock.advance(seconds=600)
    assert reader.get("/papers").status_code == 401


# What lies elsewhere


def test_what_lies_in_another_city_does_not_exist(finished: Finished) -> None:
    house, _account, learner, _number = finished
    here = program(house.house, house.client(), division=GUANGZHOU)
    there = program(house.house, house.client(), division=SHENZHEN)
    batch = here.items("/report-batches")[0]["batch"]

    for path in (
        f"/class-runs/{RUN}",
        f"/class-runs/{RUN}/learners",
        f"/class-runs/{RUN}/learners/{learner}",
        f"/report-batches/{batch}/records",
    ):
        assert here.get(path, PURPOSE).status_code == 200, path
        known, unknown = there.get(path, PURPOSE), there.get("/class-runs/run_never", PURPOSE)
        assert known.status_code == 404, path
        assert known.get_json()["reason"] == unknown.get_json()["reason"] == "not_in_area"
    for path in ("/papers", "/hours", "/signals", "/report-batches", "/figures"):
        assert there.items(path) == []
    assert there.items(f"/hours?class_run={RUN}") == []
    assert [row["class_run"] for row in there.items("/class-runs")] == [OTHER_RUN]


def test_an_institutions_own_program_reads_its_own(finished: Finished) -> None:
    house, _account, learner, number = finished
    own = program(house.house, house.client(), institution=ORG)

    assert [row["class_run"] for row in own.items("/class-runs")] == [RUN]
    assert [row["number"] for row in own.items("/papers")] == [number]
    assert own.get(f"/class-runs/{OTHER_RUN}").status_code == 404
    assert own.get(f"/class-runs/{RUN}/learners/{learner}", PURPOSE).status_code == 200
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        last = newest(tx, learner=learner, before=None, limit=1)[0]
    assert (last.purpose, last.recipient, last.by) == ("api: 核查投诉", "培训机构", own.client_id)


# Names


def test_a_learners_file_wants_a_purpose_and_the_look_is_logged(finished: Finished) -> None:
    house, _account, learner, number = finished
    reader = program(house.house, house.client(), division=GUANGZHOU)
    at = f"/class-runs/{RUN}/learners/{learner}"

    without = reader.get(at)
    answer = reader.get(at, PURPOSE)

    assert (without.status_code, without.get_json()["reason"]) == (400, "purpose_missing")
    told = answer.get_json()
    assert told["person"]["name"] == "陈*安"
    assert told["papers"] == [number]
    assert told["timeline"]["credited_seconds"] > 0
    assert sum(one["end_ms"] - one["start_ms"] for one in told["timeline"]["stretches"]) > 0
    assert CHEN not in answer.text
    assert CHEN_ID not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        last = newest(tx, learner=learner, before=None, limit=1)[0]
    assert (last.purpose, last.recipient, last.by) == ("supervision: 核查投诉", "广州市", reader.client_id)


def test_learners_of_a_class_run_have_names_for_a_purpose_alone(finished: Finished) -> None:
    house, _account, learner, _number = finished
    reader = program(house.house, house.client(), division=GUANGZHOU)
    at = f"/class-runs/{RUN}/learners"

    def log() -> int:
        with house.house.uow.for_institution(ORG, read_only=True) as tx:
            return len(newest(tx, learner=learner, before=None, limit=1000))

    before = log()
    assert [row["person"] for row in reader.items(at)] == [None]
    assert log() == before
    rows = reader.get(at, PURPOSE).get_json()["items"]
    assert [row["person"]["name"] for row in rows] == ["陈*安"]
    assert log() == before + 1


@pytest.mark.parametrize(
    "purpose",
    ["%E6%A0%B8", "核查", "abc", "%00%00%00%00", "%E6%A0%B8" * 81, "a b c d", quote("电话13800138000")],
)
def test_a_purpose_that_says_nothing_or_too_much_is_refused(finished: Finished, purpose: str) -> None:
    house, _account, learner, _number = finished
    reader = program(house.house, house.client(), division=GUANGZHOU)
    header = {"Anxue-Purpose": purpose.encode().decode("latin-1")}

    assert reader.get(f"/class-runs/{RUN}/learners/{learner}", header).status_code == 400


# The same as the pages


def test_hours_papers_and_figures_are_those_of_the_pages(finished: Finished) -> None:
    house, _account, learner, number = finished
    reader = program(house.house, house.client(), division=GUANGZHOU)
    with house.house.uow.across_institutions("test", read_only=True) as tx:
        seen = house.house.supervision(tx, GUANGZHOU, officer="test")
        run, learners = seen.class_run(RUN)
        units = seen.units(RUN)
        batches = seen.batches()

    row, paper = learners[0], learners[0].papers[0]
    hours = reader.items("/hours")[0]
    for name in (
        "credited_seconds",
        "provisional_seconds",
        "refused_seconds",
        "online_class_hours",
        "offline_class_hours",
    ):
        assert hours[name] == getattr(row, name), name
    told = reader.items("/papers")[0]
    assert (told["number"], told["sha256"], told["class_hours"], told["mark"], told["learner"]) == (
        number,
        paper.sha256,
        paper.class_hours,
        paper.mark,
        learner,
    )
    file = reader.get(f"/class-runs/{RUN}").get_json()
    assert (file["title"], file["learners"], file["papers"]) == (run.title, run.learners, run.papers)
    assert [(one["title"], one["nominal_ms"]) for one in file["units"]] == [
        (one.title, one.nominal_ms) for one in units
    ]
    assert file["totals"]["credited_seconds"] == row.credited_seconds
    assert file["totals"]["learners_with_hour_certificate"] == 1
    assert [one["batch"] for one in reader.items("/report-batches")] == [one.id for one in reversed(batches)]
    records = reader.items(f"/report-batches/{batches[0].id}/records")
    assert [(one["kind"], one["number"], one["state"]) for one in records] == [
        (one.kind, one.number, one.state) for one in batches[0].records
    ]


def test_class_runs_are_chosen_by_week_status_day_and_place(furnished: Furnished) -> None:
    reader = program(furnished.house, furnished.client(), division="440000")
    runs = reader.items("/class-runs")
    opens = {row["opens_on"] for row in runs}
    today = legal_date(NOW)

    def chosen(query: str) -> list[str]:
        return [row["class_run"] for row in reader.items(f"/class-runs?{query}")]

    assert {row["class_run"] for row in runs} == {RUN, OTHER_RUN}
    assert len(opens) == 1
    day = opens.pop()
    every = [row["class_run"] for row in runs]
    assert chosen(f"opening_week={day}") == chosen(f"opens_from={day}&opens_until={day}") == every
    assert chosen(f"opening_week={today + timedelta(days=14)}") == []
    assert chosen("status=open") == chosen(f"on={today}") == every
    assert chosen("status=upcoming") == chosen("status=closed") == []
    assert chosen(f"area={SHENZHEN}") == chosen("institution=org_sz") == [OTHER_RUN]
    assert chosen("area=440306") == []


# Pages, cursors, errors


def test_a_list_goes_on_behind_its_last_row(furnished: Furnished) -> None:
    furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    reader = program(furnished.house, furnished.client(), division=GUANGZHOU)

    whole = reader.items("/hours")
    first = reader.get("/hours?limit=1")

    assert len(whole) == 2
    assert reader.items("/hours?limit=1") == whole
    assert first.headers["Link"] == f'<{first.get_json()["next"]}>; rel="next"'
    assert reader.get(first.get_json()["next"]).get_json()["next"] is None


def test_a_cursor_is_good_for_its_client_its_list_and_its_conditions(furnished: Furnished) -> None:
    furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    reader = program(furnished.house, furnished.client(), division=GUANGZHOU)
    other = program(furnished.house, furnished.client(), division=GUANGZHOU)
    following: str = reader.get("/hours?limit=1").get_json()["next"]
    cursor = following.partition("cursor=")[2]
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    forged = Cursors(b"k" * 32, {}).seal(("run_demo", "ln_0"))

    assert reader.get(f"/hours?limit=2&cursor={cursor}").status_code == 200
    for answer in (
        other.get(following),
        reader.get(f"/papers?cursor={cursor}"),
        reader.get(f"/class-runs/{RUN}/learners?cursor={cursor}"),
        reader.get(f"/hours?class_run={OTHER_RUN}&cursor={cursor}"),
        reader.get(f"/hours?cursor={changed[:20]}X{changed[21:]}"),
        reader.get(f"/hours?cursor={forged}"),
        reader.get("/hours?cursor=%00%00%00%00%00%00%00%00"),
    ):
        assert (answer.status_code, answer.get_json()["reason"]) == (404, "cursor_unknown")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=1.0",
        "limit=%2B1",
        "limit=1&limit=2",
        "limit=",
        "on=2026-13-01",
        "on=20261124",
        "on=1764000000",
        "area=4401",
        "area=044010",
        "status=all",
        "institution=a%20b",
        "unknown=1",
        "opens_from=2026-11-24T00:00:00",
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(looking: Program, query: str) -> None:
    answer = looking.get(f"/class-runs?{query}")
    assert (answer.status_code, answer.get_json()["reason"]) == (400, "parameter_invalid")
    assert answer.get_json()["title"] == "Bad Request"


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("2026-11-24T04:00:00Z", 200),
        ("2026-11-24t12:00:00.123456789%2B08:00", 200),
        ("1990-12-31T23:59:60Z", 200),
        ("0001-01-01T00:00:00%2B23:59", 200),
        ("9999-12-31T23:59:59-23:59", 200),
        ("2026-11-24T04:00:00", 400),
        ("2026-11-24", 400),
        ("0000-01-01T00:00:00Z", 400),
    ],
)
def test_an_instant_is_read_as_rfc_3339_has_it(looking: Program, since: str, status: int) -> None:
    assert looking.get(f"/papers?since={since}").status_code == status


def test_the_last_days_of_the_calendar_are_days(looking: Program) -> None:
    for query in ("figures?first=9999-12-31&days=92", "figures?first=0001-01-01&days=92"):
        assert looking.items(f"/{query}") == []
    for day in ("9999-12-31", "0001-01-01"):
        assert looking.items(f"/class-runs?opening_week={day}") == []


def test_what_has_not_changed_is_not_sent_again(looking: Program) -> None:
    first = looking.get("/class-runs")

    again = looking.get("/class-runs", {"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert looking.get("/class-runs", {"If-None-Match": '"other"'}).status_code == 200


def test_another_method_or_format_is_refused_as_http_has_it(looking: Program) -> None:
    head = {"Authorization": f"Bearer {looking.token}"}

    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = looking.browser.open("/api/v1/papers", method=method, headers=head)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    for accept, status in (
        ("text/html", 406),
        ("application/xml", 406),
        ("*/*", 200),
        ("application/*", 200),
    ):
        assert looking.get("/papers", {"Accept": accept}).status_code == status
    assert looking.get("/nothing").get_json()["reason"] == "not_found"


def test_a_client_that_asks_too_often_is_told_to_wait(furnished: Furnished) -> None:
    house = furnished.house
    house.settings = house.settings.model_copy(update={"api_requests_per_minute": 10})
    reader = program(house, create_app(house.settings, house).test_client(), division=GUANGZHOU)

    people = [reader.get(f"/class-runs/{RUN}/learners").status_code for _ in range(2)]
    answers = [reader.get("/papers") for _ in range(11)]

    assert people == [200, 429], "a tenth of it where people may be named"
    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert answers[-1].mimetype == "application/problem+json"
