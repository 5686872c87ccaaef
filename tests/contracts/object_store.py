"""OpenStack Swift behind its S3 API, on loopback, in an environment of its own: a real store that is not ours."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests

from bridge.db.store_settings import StoreSettings
from bridge.serve import die_with_parent
from bridge.setup.peer_environment import SWIFT, ensure_peer
from plugins.storage.sigv4 import EMPTY_SHA256, Signer

ACCESS, SECRET, BUCKET = "test:tester", "made-up-secret", "evidence"
_SERVE = Path(__file__).parent / "swift_peer" / "serve.py"


@contextmanager
def running_swift(folder: Path) -> Iterator[StoreSettings]:
    """Run the server with an empty bucket; yield the settings with which the bridge would use it."""
    python = ensure_peer(SWIFT)
    with (folder / "swift.log").open("wb") as said:
        server = subprocess.Popen(
            [python, "-P", str(_SERVE), str(folder), ACCESS, SECRET],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # no thread of the tests holds a lock that it needs
        )  # fmt: skip
    assert server.stdout is not None
    try:
        port = server.stdout.readline().strip()
        assert port, (folder / "swift.log").read_text()
        settings = StoreSettings(
            evidence_store="s3",
            s3_endpoint=f"http://127.0.0.1:{port}",
            s3_bucket=BUCKET,
            s3_prefix="bridge-1/",
            s3_access_key=ACCESS,
            s3_secret_key=SECRET,
        )
        make_bucket(settings)
        yield settings
    finally:
        server.terminate()
        server.wait(20)
        server.stdout.close()
        if server.stdin is not None:
            server.stdin.close()


def make_bucket(settings: StoreSettings) -> None:
    """Make the bucket, as an operator does once."""
    host = settings.s3_endpoint.partition("://")[2]
    signer = Signer(settings.s3_access_key, settings.s3_secret_key, settings.s3_region)
    path = f"/{settings.s3_bucket}"
    headers = signer.headers("PUT", host, path, datetime.now(UTC), EMPTY_SHA256, {})
    assert requests.put(settings.s3_endpoint + path, headers=headers, timeout=20).status_code == 200
