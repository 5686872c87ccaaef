"""One bridge for all attacks, on SQLite and again on PostgreSQL; nothing personal may show in any test's output."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attacks.doors.server import BridgeServer, bridge_server, traces


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BridgeServer]:
    folder: Path = tmp_path_factory.mktemp("bridge")
    with ExitStack() as until_end:
        url = ""
        if request.param == "postgresql":
            url = until_end.enter_context(request.getfixturevalue("postgres_cluster").fresh_database())
        server = until_end.enter_context(bridge_server(folder, url))
        yield server
        # After all attacks: whatever they brought along must have stayed at the doors.
        assert traces(server.everything_written()) == []


@pytest.fixture(autouse=True)
def nothing_personal_is_logged(bridge: BridgeServer, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    out, err = capfd.readouterr()
    written = [("log", bridge.log.getvalue().encode()), ("stdout", out.encode()), ("stderr", err.encode())]
    assert traces(written) == []
    assert "Traceback" not in bridge.log.getvalue() + out + err
