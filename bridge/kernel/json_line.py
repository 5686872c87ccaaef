"""What every command does that takes `--json`: exactly one JSON object on one line of stdout."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.kernel.errors import BridgeError


def print_json(value: object) -> None:
    """Print `value` on one line to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


@contextmanager
def failures_told(as_json: bool) -> Iterator[None]:
    """End the command with exit status 1 where the block fails: the sentence to stderr, `ok: false` as JSON."""
    try:
        yield
    except BridgeError as error:
        if as_json:
            print_json({"ok": False, "reason": error.reason, "message": error.message})
        sys.stderr.write(error.message + "\n")
        raise SystemExit(1) from error
