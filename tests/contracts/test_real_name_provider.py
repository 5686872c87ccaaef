"""What every real-name provider answers: run on the roster (database, memory) and on the fake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.identity.model import Match, normalise_name
from bridge.identity.ports import RealNameProvider
from plugins.identity.roster import RosterProvider
from tests.identity.house import CHEN, CHEN_ID, HUANG, HUANG_ID, STRANGER, STRANGER_ID, House


class FakeProvider:
    """Knows two people; for tests of services."""

    def verify(self, name: str, citizen_id: str) -> Match:
        known = {CHEN_ID: CHEN, HUANG_ID: HUANG}
        if citizen_id not in known:
            return Match.NO_RECORD
        return Match.MATCH if known[citizen_id] == name else Match.MISMATCH


@pytest.fixture(params=["fake", "roster in memory", "roster in the database"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealNameProvider]:
    if request.param == "fake":
        yield FakeProvider()
    elif request.param == "roster in memory":
        yield RosterProvider(lambda number: {CHEN_ID: [CHEN], HUANG_ID: [HUANG, HUANG]}.get(number, []))
    else:
        house = House(f"sqlite:///{tmp_path / 'h.sqlite'}", tmp_path).loaded()
        with house.desk() as desk:
            yield RosterProvider(desk.identity_store.names_listed_for)
        house.close()


def test_a_name_and_its_number_match(provider: RealNameProvider) -> None:
    assert provider.verify(normalise_name(CHEN), CHEN_ID) is Match.MATCH
    assert provider.verify(normalise_name(HUANG), HUANG_ID) is Match.MATCH


def test_another_name_is_a_mismatch(provider: RealNameProvider) -> None:
    assert provider.verify(normalise_name(HUANG), CHEN_ID) is Match.MISMATCH


def test_a_number_that_nobody_knows_is_no_record(provider: RealNameProvider) -> None:
    assert provider.verify(normalise_name(STRANGER), STRANGER_ID) is Match.NO_RECORD


def test_lists_that_disagree_on_a_name_match_neither() -> None:
    provider = RosterProvider(lambda _number: [CHEN, HUANG])
    assert provider.verify(CHEN, CHEN_ID) is Match.MISMATCH
