"""On PostgreSQL a hold and the end of an archive come at once: what is held by then is not destroyed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import FixedClock
from bridge.settings import Mode, Settings
from bridge.start import migrate
from bridge.wiring import House
from bridge.wiring.archive_disposal import carry_out, propose
from tests.supervision.places import fill
from tests.supervision.test_spot_checks_at_once import come_as_far_as_it_can

ORG, RUN = InstitutionId("in_gzcity"), ClassRunId("cr_gzcity")
LONG_AFTER = datetime(2040, 1, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def house(postgres_url: str, tmp_path: Path) -> Iterator[House]:
    settings = Settings(mode=Mode.DEMONSTRATION, data=tmp_path / "bridge", database_url=postgres_url)
    migrate(settings)
    built = House(settings, clock=FixedClock(LONG_AFTER))
    fill(built.uow)
    yield built
    built.close()


def end(house: House) -> str:
    try:
        return f"{carry_out(house, ORG, RUN, 'stf_second')} keys"
    except InvalidInput as refused:
        return refused.reason


def test_who_ends_an_archive_waits_for_the_hold_that_is_being_put(house: House) -> None:
    with house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, "lr_gzcity", EvidencePurpose.FACE_FRAME, RUN)
        house.at(tx).vault.put(scope, b"frame", "image/jpeg")
    propose(house, ORG, RUN, "stf_first")
    with ThreadPoolExecutor(1) as other:
        with house.uow.for_institution(ORG) as tx:
            house.at(tx).legal_holds.ask(RUN, None, "穗安监复议〔2026〕12号", "stf_first")
            ending = other.submit(end, house)
            come_as_far_as_it_can(house.uow, ending)
        assert ending.result(timeout=20) == "archive_not_over"
    with house.uow.for_institution(ORG) as tx:
        (hold,) = house.at(tx).legal_holds.of(RUN)
        house.at(tx).legal_holds.confirm(hold.id, "stf_second")
        house.at(tx).legal_holds.ask_release(hold.id, "复议已经终结", "stf_first")
        house.at(tx).legal_holds.release(hold.id, "复议已经终结", "stf_second")
    assert end(house) == "1 keys"
