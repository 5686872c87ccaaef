"""Runs programs that are not ours against the read API: a validator of OpenAPI, Schemathesis, DuckDB."""

import json
import subprocess
from pathlib import Path
from typing import Any

from bridge.setup.peer_environment import READ_API, ensure_peer

_VALIDATE = """
import json, sys
from openapi_spec_validator import OpenAPIV31SpecValidator
print(json.dumps([error.message for error in OpenAPIV31SpecValidator(json.load(sys.stdin)).iter_errors()]))
"""
_QUERY = """
import datetime, json, sys
import duckdb
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
asked = connection.execute(sys.argv[2], [sys.argv[1]])
names = [column[0] for column in asked.description]
print(json.dumps([dict(zip(names, row)) for row in asked.fetchall()], default=str))
"""


def objections_to(document: dict[str, Any]) -> list[str]:
    """Return what the validator says against an OpenAPI 3.1 document."""
    found: list[str] = json.loads(_python(_VALIDATE, said=json.dumps(document)))
    return found


def rows_of(parquet: Path, query: str) -> list[dict[str, Any]]:
    """Return what DuckDB reads from a Parquet file; `?` in the query is the file."""
    found: list[dict[str, Any]] = json.loads(_python(_QUERY, str(parquet), query))
    return found


def schemathesis(document: str, token: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis with all its checks against the server that the document names."""
    program = str(ensure_peer(READ_API).parent / "schemathesis")
    command = [
        program, "--no-color", "run", document, "--checks", "all", "--warnings", "off", "--suppress-health-check",
        "all", "--header", f"Authorization: Bearer {token}", *options,
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _python(code: str, *arguments: str, said: str = "") -> str:
    done = subprocess.run(
        [ensure_peer(READ_API), "-c", code, *arguments],
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
