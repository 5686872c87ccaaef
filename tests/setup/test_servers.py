import psycopg
import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from bridge.kernel.errors import Unavailable
from bridge.setup.servers import Program, ensure_programs, require

_ABSENT = Program("某程序", "some-package", lambda: None)


def test_each_test_gets_an_empty_postgresql_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
        encoding = connection.execute("show server_encoding").fetchone()
    assert tables == (0,)
    assert encoding == ("UTF8",)


def test_a_database_url_opens_on_both_engines(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("create table t (word varchar(20))"))
        connection.execute(text("insert into t values ('学时')"))
        assert connection.execute(text("select word from t")).scalar() == "学时"
    engine.dispose()


def test_redis_is_real_and_empty(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("k", "v")
        assert client.get("k") == b"v"


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(Unavailable, match="apt-get install some-package") as caught:
        require(_ABSENT)
    assert caught.value.reason == "program_missing"


def test_what_cannot_be_installed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match="some-package"):
        ensure_programs((_ABSENT,))
