"""A WSGI application served on loopback in a thread, for tests that need real HTTP."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        return

    def send_response(self, code: int, message: str | None = None) -> None:
        # Without a Date of its own: a test's clock stands elsewhere, and the application may send one.
        self.send_response_only(code, message)


@contextmanager
def served(app: Any, ssl_context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Give the origin ("http://127.0.0.1:port", https with a context) at which `app` answers until the end."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet, ssl_context=ssl_context)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if ssl_context else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
