"""The agent's batches in front of the framework: of all requests these come by the thousand a second.

What is asked of a batch is asked by the agent's door, which hands its own function in here; this only spares a good
batch the framework's routing, sessions and request objects, which cost more than half of what the batch itself costs
(measured in the bench `ingest`). Whatever is unusual, and every refusal, is the framework's to answer.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug.exceptions import ClientDisconnected

PATH = "/agent/v1/batches"
REFUSED = "anxue.batch_refused"
"""Under this name of the WSGI environment the door finds why a batch was refused here. No header can be called so."""


class AgentBatches:
    """WSGI middleware.

    Args:
        taken: (body, Authorization) → the answer's JSON; raises what a refused batch is answered with.
        headers: (Origin or None) → the headers of an answer.
        limit: of a batch, in bytes.
    """

    def __init__(
        self,
        app: Any,
        taken: Callable[[bytes, str], bytes],
        headers: Callable[[str | None], Mapping[str, str]],
        limit: int,
    ) -> None:
        self._app = app
        self._taken = taken
        self._headers = headers
        self._limit = limit

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = _length(environ)
        if length is None or length > self._limit:
            return self._handed_on(environ, start_response)
        try:
            body = environ["wsgi.input"].read(length)
            if len(body) != length:
                raise ClientDisconnected
            content = self._taken(body, environ.get("HTTP_AUTHORIZATION", ""))
            headers = self._headers(environ.get("HTTP_ORIGIN"))
        except Exception as error:  # noqa: BLE001  # raised again by the door, within the framework
            environ[REFUSED] = error
            return self._handed_on(environ, start_response)
        start_response(
            "200 OK",
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(content))),
                *headers.items(),
            ],
        )
        return (content,)

    def _handed_on(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer


def _length(environ: Mapping[str, Any]) -> int | None:
    """Return the length of a batch; None for what is no batch, or none of the usual kind."""
    if environ.get("PATH_INFO") != PATH or environ.get("REQUEST_METHOD") != "POST":
        return None
    said = environ.get("CONTENT_LENGTH", "")
    if not (said.isascii() and said.isdigit() and len(said) <= 6) or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    return int(said)
