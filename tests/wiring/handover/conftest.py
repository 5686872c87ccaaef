"""One package and one take-over for all tests here, which only read them: from SQLite to PostgreSQL."""

from collections.abc import Iterator

import pytest

from bridge.wiring import House
from bridge.wiring.handover_model import Signed
from bridge.wiring.handover_take import take_in
from tests.servers.postgresql import Cluster
from tests.wiring.handover.handed_over import OPERATOR_NAME, SEALED, TAKER, Sent, empty_bridge, send


@pytest.fixture(scope="package")
def there(tmp_path_factory: pytest.TempPathFactory, postgres_cluster: Cluster) -> Iterator[House]:
    """The receiver's: on PostgreSQL, while the sender's is on SQLite."""
    with postgres_cluster.fresh_database() as url:
        house = empty_bridge(tmp_path_factory.mktemp("there"), url)
        yield house
        house.close()


@pytest.fixture(scope="package")
def sent(tmp_path_factory: pytest.TempPathFactory, there: House) -> Sent:
    """A package of small parts, of an institution in which somebody finished."""
    return send(tmp_path_factory.mktemp("sent"), there)


@pytest.fixture(scope="package")
def taken(sent: Sent, there: House) -> Signed:
    return take_in(
        there,
        sent.folder,
        SEALED,
        sent.key,
        sender=sent.manifest.signed_by,
        by=TAKER,
        operator_name=OPERATOR_NAME,
    )
