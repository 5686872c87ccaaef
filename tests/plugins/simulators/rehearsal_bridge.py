"""The real bridge as `tests/attacks/doors` serves it, with the simulator as the platform that is registered with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask

from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.course import load
from plugins.simulators.demo_lms.desk import Desk
from tests.attacks.doors import server as doors
from tests.attacks.doors.server import BridgeServer, bridge_server
from tests.plugins.simulators.demo_lms_server import CONFIG, SECRET


class _AtTheRegisteredAddress:
    """Stands where the doors' own platform publishes its keys, and is the simulator once there is one."""

    app: Flask | None = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self.app is None:
            raise RuntimeError("the simulator is still starting")
        return self.app(environ, start_response)


@contextmanager
def bridge_and_simulator(folder: Path) -> Iterator[tuple[BridgeServer, Desk]]:
    """Give a bridge and the simulator, both under the bridge's clock, until the block ends."""
    address = _AtTheRegisteredAddress()
    with (
        patch.object(doors, "_publishes", lambda _platform: address),
        bridge_server(folder, "") as bridge,
    ):
        lms = load(CONFIG, lms_url=bridge.platform.issuer, bridge_url=bridge.origin)
        app = create_app(lms, state=folder / "lms", clock=bridge.clock, webhook_secret=SECRET)
        desk: Desk = app.extensions["demo_lms"]
        address.app = app
        yield bridge, desk
        desk.store.close()
