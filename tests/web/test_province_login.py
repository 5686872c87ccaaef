"""Signing in by the provincial unified login, against a simulator over real HTTP, and what must sign nobody in."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from bridge.identity.province_settings import ProvinceLoginSettings
from bridge.kernel.errors import InvalidInput, NotPermitted, Unavailable
from plugins.identity.oauth2_login import OAuth2Login
from plugins.simulators.unified_login import SAYS, UnifiedLogin
from tests.web.furnished import Furnished, furnish, token

CLIENT, SECRET = "anxue-bridge", "made-up-secret: with/signs"
BRIDGE = "https://bridge.example.cn"
BACK = f"{BRIDGE}/sign-in/province/callback"
OFFICIAL, STAFF, NOBODY = "made-up-official", "made-up-staff", "made-up-nobody"


@contextmanager
def served(app: UnifiedLogin) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def simulator(issuer: str = "") -> UnifiedLogin:
    users = {OFFICIAL: "官员", STAFF: "职员", NOBODY: "无名"}
    return UnifiedLogin(CLIENT, SECRET, frozenset({BACK}), users, issuer)


def configured(base: str, **more: object) -> ProvinceLoginSettings:
    given = {
        "authorize_url": f"{base}/authorize",
        "token_url": f"{base}/token",
        "user_url": f"{base}/user",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "user_path": "data.userId",
        **more,
    }
    return ProvinceLoginSettings(**given)  # type: ignore[arg-type]


@dataclass
class Province:
    """The simulator, a house that knows it, and browsers."""

    app: UnifiedLogin
    base: str
    furnished: Furnished

    def client(self) -> FlaskClient:
        return self.furnished.client()

    def map(self, login: str, subject: str) -> str:
        with self.furnished.house.uow.across_institutions("test: map") as tx:
            house = self.furnished.house
            return house.province_logins(tx).add(house.at(tx).staff.by_login(login), subject)

    def begin(self, client: FlaskClient, path: str = "/sign-in/province") -> str:
        """Return where the browser is sent to."""
        answer = client.get(path)
        assert answer.status_code == 303, answer.text
        where = answer.headers["Location"]
        assert where.startswith(f"{self.base}/authorize?")
        return where

    def consent(self, where: str, user: str) -> str:
        """Sign in at the simulator; return the path and query to which it sends the browser back."""
        shown = requests.get(where, timeout=5)
        assert SAYS in shown.text
        assert shown.headers["X-Simulator"]
        answer = requests.post(where, data={"user": user}, allow_redirects=False, timeout=5)
        back = urlsplit(answer.headers["Location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
        return f"{back.path}?{back.query}"

    def sign_in(
        self, user: str, client: FlaskClient | None = None, path: str = "/sign-in/province"
    ) -> TestResponse:
        client = client or self.client()
        return client.get(self.consent(self.begin(client, path), user))


def province(
    folder: Path, monkeypatch: pytest.MonkeyPatch, base: str, app: UnifiedLogin, **more: str
) -> Province:
    furnished = furnish(folder, public_url=BRIDGE, second_factor=more.pop("roles", ""))
    chosen = configured(base, **more)
    house = furnished.house
    monkeypatch.setitem(house.__dict__, "province_login", OAuth2Login(chosen, demonstration=True))
    for name in ProvinceLoginSettings.model_fields:
        setattr(house.province_settings, name, getattr(chosen, name))
    return Province(app, base, furnished)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Province]:
    app = simulator()
    with served(app) as base:
        found = province(tmp_path, monkeypatch, base, app)
        found.map("official-guangzhou", OFFICIAL)
        found.map("staff-lin", STAFF)
        yield found


def role(client: FlaskClient) -> object:
    with client.session_transaction() as session:
        return session.get("role")


def refused(answer: TestResponse, client: FlaskClient) -> str:
    assert answer.status_code in (403, 422, 503), answer.text
    assert role(client) in (None, "visitor")
    found = re.search(r'data-testid="sign-in-error">([^<]+)<', answer.text)
    assert found is not None
    return found[1].replace("\u2060", "")


@pytest.mark.parametrize(
    ("user", "as_role", "home"),
    [(OFFICIAL, "authority", "/authority"), (STAFF, "institution", "/institution")],
)
def test_officials_and_institutions_sign_in_by_the_operators_list(
    there: Province, user: str, as_role: str, home: str
) -> None:
    client = there.client()
    answer = there.sign_in(user, client)
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path.rstrip("/")) == (303, home)
    assert role(client) == as_role
    assert client.get(home, follow_redirects=True).status_code == 200


def test_who_is_on_no_list_is_told_so_whatever_their_name(there: Province) -> None:
    client = there.client()
    assert "没有对应的账号" in refused(there.sign_in(NOBODY, client), client)


def test_the_page_offers_it_only_where_it_is_set_up(there: Province, looked_at: Furnished) -> None:
    assert 'data-testid="province-login"' in there.client().get("/sign-in").text
    assert 'data-testid="province-login"' not in looked_at.client().get("/sign-in").text
    assert looked_at.client().get("/sign-in/province").headers["Location"].endswith("/sign-in")
    refused_there = looked_at.client().get("/sign-in/province/callback?code=x&state=y")
    assert refused_there.status_code == 422


def test_what_goes_out_is_a_fixed_address_a_new_state_and_a_challenge(there: Province) -> None:
    asked = [parse_qs(urlsplit(there.begin(there.client(), path)).query) for path in (
        "/sign-in/province", "/sign-in/province?redirect_uri=https://evil.example/&state=mine")]  # fmt: skip
    for one in asked:
        assert one["redirect_uri"] == [BACK]
        assert one["code_challenge_method"] == ["S256"]
        assert (len(one["state"][0]), len(one["code_challenge"][0])) == (43, 43)
        assert "client_secret" not in one
    assert asked[0]["state"] != asked[1]["state"]
    assert asked[0]["code_challenge"] != asked[1]["code_challenge"]


def test_an_answer_comes_once(there: Province) -> None:
    client = there.client()
    back = there.consent(there.begin(client), OFFICIAL)
    assert client.get(back).status_code == 303
    again = there.client()
    assert "不是在这个浏览器" in refused(again.get(back), again)
    with client.session_transaction() as session:
        session.clear()
    assert "不是在这个浏览器" in refused(client.get(back), client)


def test_a_state_of_before_is_worth_nothing_in_a_new_try(there: Province) -> None:
    client = there.client()
    first = there.consent(there.begin(client), OFFICIAL)
    second = there.consent(there.begin(client), OFFICIAL)
    assert "不是在这个浏览器" in refused(client.get(first), client)
    # And the try that it was put into is over, too: a state is looked at once.
    assert "不是在这个浏览器" in refused(client.get(second), client)


def test_an_answer_begun_in_another_browser_signs_nobody_in(there: Province) -> None:
    attacker, victim = there.client(), there.client()
    back = there.consent(there.begin(attacker), OFFICIAL)
    assert "不是在这个浏览器" in refused(victim.get(back), victim)
    there.begin(victim)
    assert "不是在这个浏览器" in refused(victim.get(back), victim)


def test_a_stolen_code_is_refused_for_want_of_its_verifier(there: Province) -> None:
    victim, thief = there.client(), there.client()
    stolen = parse_qs(urlsplit(there.consent(there.begin(victim), OFFICIAL)).query)["code"][0]
    own_state = parse_qs(urlsplit(there.begin(thief)).query)["state"][0]
    answer = thief.get(f"/sign-in/province/callback?{urlencode({'code': stolen, 'state': own_state})}")
    assert "没有确认" in refused(answer, thief)


def test_an_old_try_is_over(there: Province) -> None:
    client = there.client()
    back = there.consent(there.begin(client), OFFICIAL)
    there.furnished.clock.advance(seconds=601)
    assert "超时" in refused(client.get(back), client)


@pytest.mark.parametrize("path", ["/callback", "/callback?code=a", "/callback?error=access_denied&state=%s"])
def test_an_answer_without_a_code_signs_nobody_in(there: Province, path: str) -> None:
    client = there.client()
    state = parse_qs(urlsplit(there.begin(client)).query)["state"][0]
    refused(client.get(f"/sign-in/province{path.replace('%s', state)}"), client)


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil"],
)
def test_nobody_is_led_elsewhere_afterwards(there: Province, target: str) -> None:
    answer = there.sign_in(OFFICIAL, path=f"/sign-in/province?{urlencode({'next': target})}")
    assert answer.status_code == 303
    assert "evil" not in answer.headers["Location"]


def test_one_is_led_where_one_wished_to_go_on_this_site(there: Province) -> None:
    answer = there.sign_in(OFFICIAL, path="/sign-in/province?next=/authority/signals")
    assert answer.headers["Location"].endswith("/authority/signals")


def test_a_session_of_before_does_not_survive(there: Province) -> None:
    client = there.client()
    client.get("/sign-in")
    before = client.get_cookie("anxue_session")
    there.sign_in(OFFICIAL, client)
    after = client.get_cookie("anxue_session")
    assert after is not None
    assert before is None or before.value != after.value


@pytest.mark.parametrize(("issuer", "given"), [("https://login.example", ""), ("", "https://evil.example"),
                                               ("https://login.example", "https://evil.example")])  # fmt: skip
def test_an_answer_of_another_server_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: str, given: str
) -> None:
    app = simulator(issuer=given)
    with served(app) as base:
        there = province(tmp_path, monkeypatch, base, app, issuer=issuer)
        there.map("official-guangzhou", OFFICIAL)
        client = there.client()
        assert "不是来自" in refused(there.sign_in(OFFICIAL, client), client)
        assert app.tokens == {}
        assert len(app.codes) == 1, "the code went nowhere"


def test_a_server_that_names_itself_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = simulator(issuer="https://login.example")
    with served(app) as base:
        there = province(
            tmp_path,
            monkeypatch,
            base,
            app,
            issuer="https://login.example",
            client_auth="basic",
            sends="header",
        )
        there.map("official-guangzhou", OFFICIAL)
        assert there.sign_in(OFFICIAL).status_code == 303


@pytest.mark.parametrize(("delegated", "status"), [("own", 303), ("delegated", 200)])
def test_the_second_factor_is_the_bridges_own_unless_a_setting_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delegated: str, status: int
) -> None:
    app = simulator()
    with served(app) as base:
        there = province(tmp_path, monkeypatch, base, app, roles="authority", second_factor=delegated)
        there.map("official-guangzhou", OFFICIAL)
        client = there.client()
        there.sign_in(OFFICIAL, client)
        answer = client.get("/authority")
        assert answer.status_code == status
        if status == 303:
            assert answer.headers["Location"].endswith("/account#factors")


def test_a_shut_account_and_an_ended_mapping_sign_nobody_in(there: Province) -> None:
    house = there.furnished.house
    with house.uow.across_institutions("test: shut") as tx:
        staff = house.at(tx).staff
        staff.disable(staff.by_login("staff-lin").id)
        logins = house.province_logins(tx)
        (official,) = [one for one in logins.all() if one.login == "official-guangzhou"]
        logins.remove(official.id)
    for user in (STAFF, OFFICIAL):
        client = there.client()
        assert "没有对应的账号" in refused(there.sign_in(user, client), client)


def test_an_identity_has_one_account_and_administrators_none(there: Province) -> None:
    with pytest.raises(InvalidInput, match="已对应一个账号"):
        there.map("staff-zhou", OFFICIAL)
    house = there.furnished.house
    with house.uow.across_institutions("test: invite") as tx:
        house.at(tx).staff.invite("administrator", "admin-made-up")
    with pytest.raises(InvalidInput, match="只有监管人员"):
        there.map("admin-made-up", NOBODY)


def test_another_servers_ids_are_not_this_ones(there: Province) -> None:
    house = there.furnished.house
    house.province_settings.token_url = "https://other.example/token"
    client = there.client()
    assert "没有对应的账号" in refused(there.sign_in(OFFICIAL, client), client)


def test_nothing_of_the_provinces_id_lies_readable(there: Province) -> None:
    from sqlalchemy import text

    with there.furnished.house.engine.connect() as connection:
        rows = repr(connection.execute(text("SELECT * FROM province_login")).all())
    assert OFFICIAL not in rows


class TestAdapter:
    """What the adapter makes of answers."""

    def test_a_server_that_is_away_is_said_to_be(self) -> None:
        with served(simulator()) as base:
            pass
        login = OAuth2Login(configured(base), demonstration=True)
        with pytest.raises(Unavailable) as away:
            login.subject(code="c", verifier="v", redirect_uri=BACK)
        assert (away.value.reason, away.value.permanent) == ("province_login_away", False)

    def test_a_wrong_secret_is_refused(self) -> None:
        with served(simulator()) as base:
            login = OAuth2Login(configured(base, client_secret="another"), demonstration=True)
            with pytest.raises(NotPermitted):
                login.subject(code="c", verifier="v", redirect_uri=BACK)

    @pytest.mark.parametrize("path", ["data.nothing", "data", "code.userId", "userId"])
    def test_an_answer_without_the_id_names_nobody(self, path: str) -> None:
        app = simulator()
        with served(app) as base:
            login = OAuth2Login(configured(base, user_path=path, pkce=False), demonstration=True)
            where = login.address(state="s", verifier="v", redirect_uri=BACK)
            assert "code_challenge" not in where
            answer = requests.post(where, data={"user": OFFICIAL}, allow_redirects=False, timeout=5)
            code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
            with pytest.raises(Unavailable) as unreadable:
                login.subject(code=code, verifier="v", redirect_uri=BACK)
        assert unreadable.value.reason == "province_login_answer"

    def test_outside_the_demonstration_a_plain_or_private_address_is_not_called(self) -> None:
        app = simulator()
        with served(app) as base, pytest.raises(Unavailable):
            OAuth2Login(configured(base)).subject(code="c", verifier="v", redirect_uri=BACK)

    def test_settings_that_lack_something_are_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match="ANXUE_PROVINCE_LOGIN_USER_PATH"):
            configured("https://login.example", user_path="")


def test_the_csrf_of_the_password_form_still_works_beside_it(there: Province) -> None:
    client = there.client()
    data = {"csrf_token": token(client), "login": "staff-lin", "password": "wrong-wrong-wrong"}
    assert client.post("/sign-in", data=data).status_code == 422
