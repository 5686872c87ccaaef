"""One bridge over real HTTP for what was not taken in, on SQLite and again on PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.attacks.doors.server import BridgeServer, bridge_server, traces


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BridgeServer]:
    with ExitStack() as until_end:
        url = ""
        if request.param == "postgresql":
            url = until_end.enter_context(request.getfixturevalue("postgres_cluster").fresh_database())
        server = until_end.enter_context(bridge_server(tmp_path_factory.mktemp("set-aside"), url))
        yield server
        assert traces(server.everything_written()) == []
