"""The one-time store that ships with the library."""

import pytest

from lti.state import MemoryOneTimeStore, OneTimeStore
from tests.lti.one_time_contract import OneTimeStoreContract, flow


class TestMemory(OneTimeStoreContract):
    @pytest.fixture
    def store(self) -> OneTimeStore:
        return MemoryOneTimeStore()


def test_a_flow_holds_no_secret_in_clear() -> None:
    assert "nonce-of" not in repr(flow())
