"""A furnished house that answers on loopback, for tests that look at pages in a real browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from bridge.settings import ROOT
from tests.servers.children import free_port
from tests.web.furnished import Furnished, furnish


@contextmanager
def served_house(folder: Path) -> Iterator[tuple[Furnished, str]]:
    """Give the house and its address until the block ends."""
    port = free_port()
    furnished = furnish(folder, assets=ROOT / "var" / "assets", port=port)
    server = make_server("127.0.0.1", port, furnished.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield furnished, f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        furnished.house.close()
