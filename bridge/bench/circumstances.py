"""What a kept record says of where its figures come from: commit, machine, data folder."""

import os
import platform
import subprocess
import tempfile
from pathlib import Path

from bridge.settings import ROOT


def machine() -> str:
    """Return system, processors, memory and Python in words."""
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GiB,"
        f" Python {platform.python_version()}"
    )


def file_system() -> str:
    """Return the kind of file system on which a bench's data folder lies."""
    asked = ["stat", "--file-system", "--format=%T", tempfile.gettempdir()]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def commit() -> str:
    """Return the commit of the checkout, and whether what runs is more than that."""

    def git(*arguments: str) -> str:
        asked = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    found = git("rev-parse", "--short=12", "HEAD") or "(no repository)"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "bridge", "plugins", "lti", "config")
    return f"{found}, with changes that are not committed" if changed else found
