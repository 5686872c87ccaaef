"""What every `OneTimeStore` keeps. An adapter's test module subclasses the suite and gives it a store:

class TestSqlStore(OneTimeStoreContract):
    @pytest.fixture
    def store(self) -> OneTimeStore: ...
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from lti.state import LoginFlow, OneTimeStore, sha256_hex
from tests.lti.platform import START


def flow(state: str = "state-1", *, seconds: int = 600) -> LoginFlow:
    return LoginFlow(
        state_sha256=sha256_hex(state),
        nonce_sha256=sha256_hex("nonce-of-" + state),
        browser_sha256=sha256_hex("browser"),
        registration_id="registration-1",
        target_link_uri="https://tool.example/study/1?unit=一",
        created_at=START,
        expires_at=START + timedelta(seconds=seconds),
    )


class OneTimeStoreContract:
    def test_a_flow_comes_back_as_it_was_put(self, store: OneTimeStore) -> None:
        store.put(flow())
        assert store.take(flow().state_sha256, START) == flow()

    def test_a_flow_comes_back_once(self, store: OneTimeStore) -> None:
        store.put(flow())
        store.take(flow().state_sha256, START)
        assert store.take(flow().state_sha256, START) is None

    def test_an_unknown_state_is_nothing(self, store: OneTimeStore) -> None:
        store.put(flow())
        assert store.take(sha256_hex("state-2"), START) is None

    def test_flows_do_not_touch_each_other(self, store: OneTimeStore) -> None:
        store.put(flow("state-1"))
        store.put(flow("state-2"))
        assert store.take(flow("state-2").state_sha256, START) == flow("state-2")
        assert store.take(flow("state-1").state_sha256, START) == flow("state-1")

    def test_a_flow_is_good_until_just_before_it_expires(self, store: OneTimeStore) -> None:
        store.put(flow())
        just_before = START + timedelta(seconds=600) - timedelta(microseconds=1)
        assert store.take(flow().state_sha256, just_before) == flow()

    def test_an_expired_flow_is_nothing_and_stays_so(self, store: OneTimeStore) -> None:
        store.put(flow())
        assert store.take(flow().state_sha256, START + timedelta(seconds=600)) is None
        assert store.take(flow().state_sha256, START) is None

    def test_of_many_takers_at_once_one_gets_it(self, store: OneTimeStore) -> None:
        for round_ in range(5):
            one = flow(f"state-{round_}")
            store.put(one)
            with ThreadPoolExecutor(8) as takers:
                got = list(takers.map(lambda _, one=one: store.take(one.state_sha256, START), range(8)))
            assert [each for each in got if each is not None] == [one]
