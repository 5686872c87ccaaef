"""What every `UsedStates` keeps. An adapter's test module subclasses the suite and gives it a store:

class TestSql(UsedStatesContract):
    @pytest.fixture
    def used(self) -> UsedStates: ...
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from lti.state import UsedStates
from tests.lti.platform import START

END = START + timedelta(seconds=600)
FIRST, SECOND = bytes(16), bytes(15) + b"\x01"


class UsedStatesContract:
    def test_a_flow_is_used_once(self, used: UsedStates) -> None:
        assert [used.use(FIRST, END) for _ in range(3)] == [True, False, False]

    def test_flows_do_not_touch_each_other(self, used: UsedStates) -> None:
        assert used.use(FIRST, END)
        assert used.use(SECOND, END)
        assert not used.use(FIRST, END)

    def test_a_later_end_does_not_make_a_flow_new(self, used: UsedStates) -> None:
        assert used.use(FIRST, END)
        assert not used.use(FIRST, END + timedelta(days=1))

    def test_a_mark_outlives_later_flows_until_its_end(self, used: UsedStates) -> None:
        assert used.use(FIRST, END)
        for number in range(2, 40):
            assert used.use(number.to_bytes(16), END + timedelta(seconds=number * 15))
        assert not used.use(FIRST, END)

    def test_of_many_users_at_once_one_is_the_first(self, used: UsedStates) -> None:
        for round_ in range(5):
            flow_id = (round_ + 100).to_bytes(16)
            with ThreadPoolExecutor(8) as users:
                got = list(users.map(lambda _, one=flow_id: used.use(one, END), range(8)))
            assert sorted(got) == [False] * 7 + [True]
