"""Copies of the tree, to be broken in. The tree itself is never touched."""

import os
import shutil
from pathlib import Path

_FOLDERS = ("lti", "tests", "bridge", "plugins", "config")  # what the tests of lti/ read
_FILES = ("pyproject.toml",)
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "node_modules", ".hypothesis")


def copy_tree(root: Path, to: Path) -> None:
    """Copy what the tests of `lti/` need from `root` to `to`; an older copy there is replaced."""
    to.mkdir(parents=True, exist_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(to / name, ignore_errors=True)
        shutil.copytree(root / name, to / name, ignore=_NOT_COPIED)
    for name in _FILES:
        shutil.copy2(root / name, to / name)


def environment(first: Path) -> dict[str, str]:
    """Return the environment for a child that looks for modules in `first` before anywhere else."""
    return {**os.environ, "PYTHONPATH": str(first), "PYTHONDONTWRITEBYTECODE": "1"}
