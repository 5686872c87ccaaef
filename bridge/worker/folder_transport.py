"""kombu's folder broker with whole messages alone: a message is there at once or not at all.

kombu 5 makes a message's file under its name and writes it afterwards; a reader that comes between takes an empty
file, and the worker ends with a JSONDecodeError (seen on a busy machine).
"""

import json
import os
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, filesystem

SCHEME = "whole-messages"
"""Of the broker's address, e.g. "whole-messages://localhost//"."""


_WAIT_SECONDS = 0.2


class Channel(filesystem.Channel):
    """Writes each message under a name that no reader looks at, then gives it its own."""

    def _put(self, queue: Any, message: Any, **_options: Any) -> None:  # type: ignore[override]  # its base in kombu does the same
        name = f"{round(monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        draft = folder / f".{name}.draft"
        draft.write_text(json.dumps(message))
        os.replace(draft, folder / name)  # noqa: PTH105  # patched in its test


class Transport(filesystem.Transport):
    """The folder broker with our channel."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None, **options: Any) -> Any:
        """Wait a moment at most: the worker looks between two waits whether it is to stop."""
        wait = min(timeout or _WAIT_SECONDS, _WAIT_SECONDS)
        return super().drain_events(connection, wait, **options)  # type: ignore[no-untyped-call]  # kombu


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
