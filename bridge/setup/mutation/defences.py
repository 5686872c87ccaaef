"""Defences taken out by hand, one by one: the tests that are named for each must fail without it, and pass with it."""

import queue
import subprocess
import sys
import tomllib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from bridge.setup.mutation.copies import copy_tree, environment

_ROW = "tests/lti/test_launch_rows.py::test_row_gets_the_one_right_answer[{}]"
_TEST_SECONDS = 60
_TESTS_FAILED = 1  # pytest's exit status; any other but 0 means that it could not even run them


@dataclass(frozen=True, slots=True)
class Removal:
    """How one defence is taken out, and what must notice.

    Args:
        case: of the list of security cases, e.g. "B3".
        file: from the root of the tree.
        was: text that stands exactly once in `file`; `now` stands in its place when the defence is gone.
        fails: the tests that must fail then: ids of launch rows ("B3.after-failure"), or tests ("test_http.py::test_…",
            in tests/lti where no folder is named; every set of parameters of it is played, one must fail).
    """

    case: str
    file: str
    was: str
    now: str
    fails: tuple[str, ...]

    def is_found_in(self, root: Path) -> bool:
        """Return whether the defence stands where this says."""
        return (root / self.file).read_text(encoding="utf-8").count(self.was) == 1


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one removal: the tests that did not fail without the defence, and what else went wrong."""

    removal: Removal
    unmoved: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def stands(self) -> bool:
        """Whether every test that was named failed."""
        return not self.unmoved and not self.trouble


def read_removals(folder: Path) -> tuple[Removal, ...]:
    """Return the removals in the tables of `folder`, in their order."""
    entries: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.toml")):
        entries += tomllib.loads(path.read_text(encoding="utf-8"))["defence"]
    return tuple(Removal(**{**entry, "fails": tuple(entry["fails"])}) for entry in entries)


def node_of(test: str) -> str:
    """Return pytest's address of a test as `Removal.fails` names it."""
    if "::" not in test:
        return _ROW.format(test)
    return test if test.startswith("tests/") else f"tests/lti/{test}"


def failing_with_all_defences(removals: Sequence[Removal], root: Path, folder: Path) -> set[str]:
    """Return those of the named tests that fail while nothing is taken out; played in a copy in `folder`."""
    copy_tree(root, folder)
    named = sorted({test for removal in removals for test in removal.fails})
    status, failed = _play(named, folder)
    return failed if status in (0, _TESTS_FAILED) else set(named)


def prove(
    removals: Sequence[Removal], root: Path, folder: Path, workers: int, told: Callable[[Proof], None]
) -> list[Proof]:
    """Take out each defence in a copy of its own below `folder`; `told` hears of each proof as it is there."""
    copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for number in range(workers):
        copy_tree(root, folder / f"copy-{number}")
        copies.put(folder / f"copy-{number}")

    def one(removal: Removal) -> Proof:
        copy = copies.get()
        try:
            proof = _prove(removal, copy)
        finally:
            copies.put(copy)
        told(proof)
        return proof

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, removals))


def _prove(removal: Removal, copy: Path) -> Proof:
    if not removal.is_found_in(copy):
        return Proof(removal, trouble="not found where the table says")
    with _taken_out(removal, copy):
        status, failed = _play(removal.fails, copy)
    if status not in (0, _TESTS_FAILED):
        return Proof(removal, trouble=f"pytest could not run the tests (exit status {status})")
    return Proof(removal, tuple(test for test in removal.fails if test not in failed))


@contextmanager
def _taken_out(removal: Removal, copy: Path) -> Iterator[None]:
    path = copy / removal.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(removal.was, removal.now), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(whole, encoding="utf-8")


def _play(tests: Collection[str], copy: Path) -> tuple[int, set[str]]:
    """Run `tests` in `copy`; return pytest's exit status and those that failed."""
    report = copy / "report.xml"
    report.unlink(missing_ok=True)
    status = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"),
            *(f"--timeout={_TEST_SECONDS}", f"--junit-xml={report}"),
            *(node_of(test) for test in tests),
        ],
        cwd=copy,
        env=environment(copy),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode
    failed = _failed(report)
    return status, {test for test in tests if _reported(node_of(test)) in failed}


def _reported(node: str) -> str:
    """Return how a JUnit report of pytest names `node`: "tests.lti.test_state.TestMemory::test_x"."""
    path, *names = node.split("::")
    return ".".join([path.removesuffix(".py").replace("/", "."), *names[:-1]]) + "::" + names[-1]


def _failed(report: Path) -> set[str]:
    """Return the tests that failed, each with its parameters and without them."""
    found: set[str] = set()
    if report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own pytest wrote it
            if case.find("failure") is not None or case.find("error") is not None:
                name = f"{case.get('classname')}::{case.get('name')}"
                found |= {name, name.partition("[")[0]}
    return found
