"""What the product imports is what a machine without the development pins has."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_OURS = ("bridge", "plugins", "lti")
# The import contracts' own rule: import-linter, a development pin, loads it and nothing else does.
_DEVELOPMENT = {"bridge/setup/station_contract.py"}


def _one_name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield node.module


def test_every_import_of_the_product_is_pinned_for_running_it() -> None:
    lines = (_ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8").splitlines()
    pinned = {_one_name(line.partition("==")[0]) for line in lines if re.match(r"[\w.-]+==", line)}
    assert "flask" in pinned
    given_by = packages_distributions()
    missing = {
        f"{path}: {name}"
        for folder in _OURS
        for file in (_ROOT / folder).rglob("*.py")
        if (path := file.relative_to(_ROOT).as_posix()) not in _DEVELOPMENT
        for name in _imported(file.read_text(encoding="utf-8"))
        if (top := name.partition(".")[0]) not in {*sys.stdlib_module_names, *_OURS}
        and not pinned & {_one_name(one) for one in given_by.get(top, ())}
    }
    assert missing == set()
