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
# Run by the python of an environment of its own, with pins of its own.
_PEERS = {"plugins/pdfa_conformance/judge.py": "pdfa.txt"}


def _one_name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield node.module


def _pinned(requirements: str) -> set[str]:
    lines = (_ROOT / "requirements" / requirements).read_text(encoding="utf-8").splitlines()
    return {_one_name(line.partition("==")[0]) for line in lines if re.match(r"[\w.-]+==", line)}


def test_every_import_of_the_product_is_pinned_for_running_it() -> None:
    pinned = _pinned("runtime.txt")
    assert "flask" in pinned
    given_by = packages_distributions()
    missing = {
        f"{path}: {name}"
        for folder in _OURS
        for file in (_ROOT / folder).rglob("*.py")
        if (path := file.relative_to(_ROOT).as_posix()) not in _DEVELOPMENT | _PEERS.keys()
        for name in _imported(file.read_text(encoding="utf-8"))
        if (top := name.partition(".")[0]) not in {*sys.stdlib_module_names, *_OURS}
        and not pinned & {_one_name(one) for one in given_by.get(top, ())}
    }
    assert missing == set()


def test_every_import_of_a_peers_script_is_pinned_for_its_environment() -> None:
    for path, requirements in _PEERS.items():
        pinned = _pinned(requirements)
        others = {name.partition(".")[0] for name in _imported((_ROOT / path).read_text(encoding="utf-8"))}
        others -= sys.stdlib_module_names
        assert others
        assert not others & set(_OURS)
        # A distribution whose name is its module's with a number behind it: jpype1.
        assert all(any(one.rstrip("1234567890") == _one_name(name) for one in pinned) for name in others), (
            path
        )
