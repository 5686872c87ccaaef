"""Runs our verifier over every bag of a checkout of LibraryOfCongress/bagit-conformance-suite, and bagit beside it."""

import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.kernel.errors import Unavailable
from plugins.archive.bagit_rules import Verdict, examine

_CATEGORIES = ("valid", "warning", "invalid", "linux-only", "windows-only")
"""The folders of a version; a bag of the last two is invalid on that system, and here refused on all."""


@dataclass(frozen=True, slots=True)
class Case:
    """One bag of the suite and what was said of it.

    Args:
        right: our verdict is the suite's: valid, valid with a warning, or invalid.
        library_right: the same for bagit; it knows no warnings, so that a warned bag is right either way.
    """

    version: str
    category: str
    name: str
    verdict: Verdict
    right: bool
    library_right: bool


def run(folder: Path) -> list[Case]:
    """Return every case, in order.

    Raises:
        Unavailable("suite_missing"): the folder is no checkout of the suite.
    """
    cases = list(_cases(folder))
    if not cases:
        raise Unavailable(
            "suite_missing",
            "该目录不是 LibraryOfCongress/bagit-conformance-suite 的检出,请用 --suite 指定",
            permanent=True,
        )
    return cases


def commit(folder: Path) -> str:
    """Return the commit of the checkout; "unknown" if it is none."""
    told = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def _cases(folder: Path) -> Iterator[Case]:
    for version in sorted(folder.glob("v*.*")):
        for category in _CATEGORIES:
            for bag in sorted((version / category).glob("*/")):
                verdict = examine(bag)
                right = {
                    "valid": verdict.valid,
                    "warning": verdict.valid and bool(verdict.warnings),
                }.get(category, not verdict.valid)
                library = library_accepts(bag)
                library_right = category == "warning" or library == (category == "valid")
                yield Case(version.name, category, bag.name, verdict, right, library_right)


def library_accepts(folder: Path) -> bool:
    """Return whether the Library of Congress's bagit holds the bag for valid."""
    import bagit

    logging.getLogger("bagit").setLevel(logging.CRITICAL)
    try:
        bagit.Bag(str(folder)).validate()
    except (bagit.BagError, OSError, ValueError):
        return False
    return True
