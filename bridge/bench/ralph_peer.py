"""Ralph as the peer of the bench `statements`, in an environment of its own.

    ralph_peer.py file|memory PORT FOLDER KEY SECRET

Of the backends that Ralph brings, Elasticsearch, MongoDB and ClickHouse need servers that the package registries do not
have, which leaves its file backend. As it comes (5.1.0) that takes one request and refuses all that follow, since it
writes only to files that are not there; `file` has it append, as its command line does on request, and changes nothing
else. `memory` replaces it by a dictionary: what stores nothing is faster than any backend could be.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_kept: dict[str, Any] = {}


def _write(_backend: Any, data: Iterable[Any], *_more: Any, **_named: Any) -> int:
    count = 0
    for statement in data:
        _kept[statement["id"]] = statement
        count += 1
    return count


def _by_ids(_backend: Any, ids: Iterable[str], *_more: Any, **_named: Any) -> Iterator[Any]:
    return (_kept[one] for one in ids if one in _kept)


def serve(storage: str, port: int, folder: Path, key: str, secret: str) -> None:
    """Serve Ralph's API on loopback until the process is ended."""
    bcrypt = importlib.import_module("bcrypt")
    user = {
        "agent": {"objectType": "Agent", "account": {"homePage": "https://bench.example", "name": "bench"}},
        "scopes": ["all"],
        "hash": bcrypt.hashpw(secret.encode(), bcrypt.gensalt()).decode(),
        "username": key,
    }
    (folder / "auth.json").write_text(json.dumps([user]))
    os.environ.update(
        RALPH_APP_DIR=str(folder),
        RALPH_RUNSERVER_BACKEND="fs",
        RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH=str(folder),
    )
    backend = importlib.import_module("ralph.backends.lrs.fs").FSLRSBackend
    if storage == "memory":
        backend.write, backend.query_statements_by_ids = _write, _by_ids
    else:
        backend.default_operation_type = importlib.import_module(
            "ralph.backends.data.base"
        ).BaseOperationType.APPEND
    api = importlib.import_module("ralph.api").app
    uvicorn = importlib.import_module("uvicorn")
    uvicorn.run(api, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5])
