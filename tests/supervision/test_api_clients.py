"""Clients of the read API: two people, one look at the secret, an end."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from bridge.supervision.api_client_tables import ApiClientRow, ApiTokenRow
from bridge.supervision.api_clients import ApiClients, IssuedClient
from bridge.supervision.api_scopes import ApiScope
from bridge.supervision.api_tokens import TOKEN_LIFE, ApiTokens
from bridge.supervision.list_exports import Owner
from tests.completion.papers import NOW
from tests.servers.tables import make_tables

OFFICE = Owner(division_code="440100")
FIGURES, PAPERS = ApiScope.FIGURES, ApiScope.PAPERS


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def uow(database_url: str, clock: FixedClock) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    make_tables(engine)
    yield UnitOfWork(engine, clock)
    engine.dispose()


@pytest.fixture
def tokens(uow: UnitOfWork, clock: FixedClock) -> ApiTokens:
    return ApiTokens(uow, clock)


def ask(uow: UnitOfWork, owner: Owner = OFFICE, scopes: tuple[str, ...] = (FIGURES, PAPERS)) -> IssuedClient:
    with uow.across_institutions("test") as tx:
        return ApiClients(tx.session, uow.clock).ask(
            owner, name="数据平台", purpose="日常监管", scopes=scopes, by="operator-1"
        )


def decide(uow: UnitOfWork, client: str, *, allow: bool = True, by: str = "operator-2") -> None:
    with uow.across_institutions("test") as tx:
        ApiClients(tx.session, uow.clock).decide(client, allow=allow, by=by)


def allowed(uow: UnitOfWork) -> tuple[str, str]:
    issued = ask(uow)
    decide(uow, issued.client.id)
    assert issued.secret is not None
    return issued.client.id, issued.secret


def test_a_client_is_of_no_use_until_another_person_allows_it(uow: UnitOfWork, tokens: ApiTokens) -> None:
    issued = ask(uow)
    secret = issued.secret or ""

    with pytest.raises(NotPermitted, match="invalid_client"):
        tokens.by_secret(issued.client.id, secret, None)
    with pytest.raises(NotPermitted, match="second_person_required"):
        decide(uow, issued.client.id, by="operator-1")
    decide(uow, issued.client.id)

    assert tokens.by_secret(issued.client.id, secret, None).scopes == (PAPERS, FIGURES)
    with pytest.raises(InvalidInput, match="api_client_decided"):
        decide(uow, issued.client.id, allow=False)


def test_neither_secret_nor_token_is_kept(uow: UnitOfWork, tokens: ApiTokens) -> None:
    client, secret = allowed(uow)
    token = tokens.by_secret(client, secret, None).token

    with uow.across_institutions("test", read_only=True) as tx:
        kept = [
            str(value)
            for row in (ApiClientRow, ApiTokenRow)
            for values in tx.session.execute(select(row.__table__)).all()
            for value in values
        ]
    assert not [value for value in kept if secret in value or token in value]
    assert tokens.caller(token).client_id == client


def test_a_token_ends_after_ten_minutes(uow: UnitOfWork, tokens: ApiTokens, clock: FixedClock) -> None:
    client, secret = allowed(uow)
    token = tokens.by_secret(client, secret, None).token

    clock.advance(seconds=int(TOKEN_LIFE.total_seconds()) - 1)
    assert tokens.caller(token).client_id == client
    clock.advance(seconds=1)
    with pytest.raises(NotPermitted, match="invalid_token"):
        tokens.caller(token)
    tokens.by_secret(client, secret, None)
    with uow.across_institutions("test", read_only=True) as tx:
        assert len(tx.session.scalars(select(ApiTokenRow)).all()) == 1, "what is over does not pile up"


def test_a_token_reads_what_was_asked_for_and_never_more_than_the_client_may(
    uow: UnitOfWork, tokens: ApiTokens
) -> None:
    client, secret = allowed(uow)

    narrow = tokens.by_secret(client, secret, str(PAPERS))

    assert tokens.caller(narrow.token).scopes == {PAPERS}
    with pytest.raises(NotPermitted, match="insufficient_scope"):
        tokens.caller(narrow.token).require(FIGURES)
    for wanted in ("learners:read", "papers:read learners:read", "everything", "papers:read  figures:read"):
        with pytest.raises(InvalidInput, match="invalid_scope"):
            tokens.by_secret(client, secret, wanted)


def test_a_revoked_client_loses_its_tokens_at_once(uow: UnitOfWork, tokens: ApiTokens) -> None:
    client, secret = allowed(uow)
    token = tokens.by_secret(client, secret, None).token

    with uow.across_institutions("test") as tx:
        ApiClients(tx.session, uow.clock).revoke(client, by="operator-1", reason="系统下线")

    for attempt in (lambda: tokens.caller(token), lambda: tokens.by_secret(client, secret, None)):
        with pytest.raises(NotPermitted):
            attempt()
    with uow.across_institutions("test", read_only=True) as tx:
        steps = ApiClients(tx.session, uow.clock).one(client).steps
    assert [(one.step, one.by) for one in steps] == [
        ("ask", "operator-1"),
        ("allow", "operator-2"),
        ("revoke", "operator-1"),
    ]


def test_a_client_that_is_shut_in_the_database_loses_a_token_that_came_in_between(
    uow: UnitOfWork, tokens: ApiTokens
) -> None:
    client, secret = allowed(uow)
    token = tokens.by_secret(client, secret, None).token

    with uow.across_institutions("test") as tx:
        tx.session.get_one(ApiClientRow, client).ended_at = uow.clock.now()

    with pytest.raises(NotPermitted, match="invalid_token"):
        tokens.caller(token)


def test_a_client_ends_with_its_time(uow: UnitOfWork, tokens: ApiTokens, clock: FixedClock) -> None:
    client, secret = allowed(uow)
    clock.advance(seconds=int(timedelta(days=366).total_seconds()))

    with pytest.raises(NotPermitted, match="invalid_client"):
        tokens.by_secret(client, secret, None)


def test_the_secret_before_holds_for_its_grace_and_only_that_one(
    uow: UnitOfWork, tokens: ApiTokens, clock: FixedClock
) -> None:
    client, first = allowed(uow)
    with uow.across_institutions("test") as tx:
        second = ApiClients(tx.session, clock).rotate(client, by="operator-1").secret or ""

    assert tokens.by_secret(client, first, None).scopes == tokens.by_secret(client, second, None).scopes
    clock.advance(seconds=int(timedelta(days=7).total_seconds()))
    with pytest.raises(NotPermitted, match="invalid_client"):
        tokens.by_secret(client, first, None)
    assert tokens.by_secret(client, second, None).token


def test_a_token_is_given_back_by_its_own_client_alone(uow: UnitOfWork, tokens: ApiTokens) -> None:
    client, secret = allowed(uow)
    other, _ = allowed(uow)
    token = tokens.by_secret(client, secret, None).token

    tokens.give_back(other, token)
    assert tokens.caller(token).client_id == client
    tokens.give_back(client, token)
    with pytest.raises(NotPermitted, match="invalid_token"):
        tokens.caller(token)


def test_an_owner_sees_and_ends_its_own_clients_alone(uow: UnitOfWork) -> None:
    mine, _ = allowed(uow)
    ask(uow, Owner(division_code="440300"))
    ask(uow, Owner(institution=InstitutionId("org_demo")))

    with uow.across_institutions("test") as tx:
        office = ApiClients(tx.session, uow.clock, OFFICE)
        assert [one.id for one in office.all()] == [mine]
        for other in ApiClients(tx.session, uow.clock).all():
            if other.id != mine:
                with pytest.raises(InvalidInput, match="api_client_unknown"):
                    office.revoke(other.id, by="official", reason="系统下线")


def test_an_institutions_program_gets_no_whole_tables(uow: UnitOfWork) -> None:
    with pytest.raises(InvalidInput, match="invalid_scope"):
        ask(uow, Owner(institution=InstitutionId("org_demo")), (ApiScope.EXPORTS,))


@pytest.mark.parametrize("client", ["", "apc_", "apc_\x00", "x" * 500, "apc_" + "0" * 26])
def test_an_unknown_client_is_told_what_a_wrong_secret_is_told(tokens: ApiTokens, client: str) -> None:
    with pytest.raises(NotPermitted, match="invalid_client"):
        tokens.by_secret(client, "secret", None)


def test_nobody_changes_what_was_done_about_a_client(uow: UnitOfWork) -> None:
    allowed(uow)
    for statement in ("UPDATE api_client_step SET note = 'x'", "DELETE FROM api_client_step"):
        with pytest.raises(DatabaseError), uow.across_institutions("test") as tx:
            tx.session.execute(text(statement))
