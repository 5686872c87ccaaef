"""Drafts of files that a process never finished: whoever was killed between writing and linking leaves one."""

import re
import time
from datetime import timedelta
from pathlib import Path

DRAFT_LIFE = timedelta(days=1)
"""Practice: no write takes as long, so an older draft is nobody's."""
_DRAFT = re.compile(r"\.[0-9a-f]{16}")


def sweep(folder: Path, older_than: timedelta = DRAFT_LIFE) -> int:
    """Remove drafts in `folder` that nobody has touched for so long; return how many."""
    if not folder.is_dir():
        return 0
    before, swept = time.time() - older_than.total_seconds(), 0
    for path in folder.iterdir():
        if not _DRAFT.fullmatch(path.name):
            continue
        try:
            if path.lstat().st_mtime < before:
                path.unlink()
                swept += 1
        except FileNotFoundError:
            # Its writer finished, or another sweeper was there first.
            continue
    return swept
