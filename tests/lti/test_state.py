"""The one-time stores that ship with the library and with its bench."""

from pathlib import Path

import pytest

from bridge.bench.launch import SqliteOneTimeStore
from lti.state import MemoryOneTimeStore, OneTimeStore
from tests.lti.one_time_contract import OneTimeStoreContract, flow
from tests.lti.platform import START


class TestMemory(OneTimeStoreContract):
    @pytest.fixture
    def store(self) -> OneTimeStore:
        return MemoryOneTimeStore()


class TestSqliteOfTheBench(OneTimeStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> OneTimeStore:
        return SqliteOneTimeStore(tmp_path / "flows.sqlite")


def test_a_flow_survives_the_store_that_took_it_in(tmp_path: Path) -> None:
    SqliteOneTimeStore(tmp_path / "flows.sqlite").put(flow())
    assert SqliteOneTimeStore(tmp_path / "flows.sqlite").take(flow().state_sha256, START) == flow()


def test_a_flow_holds_no_secret_in_clear() -> None:
    assert "nonce-of" not in repr(flow())
