"""Which version of the feed a document is of."""

import re
from typing import Final

from plugins.reporting.guangdong.mapping import mappings

HEAD: Final = 600
"""Bytes in which the namespace of a document is looked for."""
_FEED: Final = re.compile(rb"urn:anxue:guangdong:feed:([0-9]+\.[0-9]+)")


def version_of(batch: bytes) -> str:
    """Return the version that the batch names, if this bridge knows it; else the newest, which will refuse it."""
    found = _FEED.search(batch, 0, HEAD)
    named = found[1].decode() if found else ""
    return named if named in mappings() else list(mappings())[-1]
