"""Every function of `lti/` changed by mutmut, one change at a time, each under the tests that reach the function.

mutmut stands in an environment of its own (`requirements/mutmut.txt`) and imports the tests' packages from this one.
"""

import ast
import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bridge.kernel.errors import Unavailable
from bridge.setup.mutation.copies import copy_tree, environment
from bridge.setup.peer_environment import MUTMUT, ensure_peer

_TESTS = ("tests/lti", "tests/attacks/launch/test_over_http.py")
_NOT_PLAYED = (
    # Asks how deep Python can nest, and each changeable function adds frames of mutmut's own.
    "tests/lti/test_launch_rows.py::test_row_gets_the_one_right_answer[B22.nested]",
    # The same rows once more, over HTTP.
    "tests/attacks/launch/test_over_http.py::test_row_over_http",
)
# Words are not changed, neither those for people nor those for programmers: no test should ask for them.
_WORDS = ("[\u4e00-\u9fff]", r"raise (Value|Type)Error\(")
# Looks for lost objects after each run of the tests, which takes longer than most runs of a few tests.
_PLUGINS_LEFT_OUT = ("cacheprovider", "unraisableexception")
# mutmut leaves decorated functions alone; a cache changes nothing but the pace, so it is taken off.
_CACHE = re.compile(r"^@lru_cache\(.*\).*\n", re.MULTILINE)
_ARGUMENTS = [
    *(word for name in _PLUGINS_LEFT_OUT for word in ("-p", f"no:{name}")),
    *(word for test in _NOT_PLAYED for word in ("--deselect", test)),
]
_SETTINGS = f"""
[tool.mutmut]
source_paths = ["lti/"]
also_copy = ["tests", "bridge", "plugins", "config"]
do_not_mutate_patterns = {json.dumps(_WORDS)}
timeout_multiplier = 4.0
timeout_constant = 5.0
use_git_change_detection = false
pytest_add_cli_args = {json.dumps(_ARGUMENTS)}
pytest_add_cli_args_test_selection = {json.dumps(_TESTS)}
"""
_ORIGINAL = "__mutmut_orig"


class Verdict(Enum):
    """What came of a mutant."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    UNREACHED = "unreached"
    UNDECIDED = "undecided"


# mutmut's exit codes of a worker; any other means that the worker itself broke, which decides nothing.
_VERDICTS = {
    **dict.fromkeys((1, 3), Verdict.KILLED),
    **dict.fromkeys((36, 24, -24, 152, 255), Verdict.TIMEOUT),
    0: Verdict.SURVIVED,
    **dict.fromkeys((5, 33), Verdict.UNREACHED),
}
_DEAD = (Verdict.KILLED, Verdict.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change that was tried and that no test noticed.

    Args:
        function: as written, "StateSeal.open".
        was, now: the lines that changed, without indent.
    """

    file: str
    function: str
    was: str
    now: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Score:
    """What came of the mutants of one file; `remaining` are those that were tried and that nothing killed."""

    file: str
    counts: Counter[Verdict]
    remaining: tuple[Mutant, ...]


def run_mutants(
    root: Path, folder: Path, children: int, modules: Sequence[str], minutes: int | None = None
) -> None:
    """Change and test `lti/` in a copy in `folder`; an earlier run there is taken up again.

    What an earlier run killed stays killed as long as its function is the same; the rest is tried again.

    Args:
        modules: names below `lti`, tried alone and from the start; none means all.
        minutes: after which it stops, with what it has; None: when all is done.

    Raises:
        Unavailable: mutmut could not be installed, or the tests fail without any change (`mutation_run_failed`).
    """
    mutmut = ensure_peer(MUTMUT).parent / "mutmut"
    _copy_to_change(root, folder)
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as settings:
        settings.write(_SETTINGS)
    _forget_the_living(folder)
    started = subprocess.Popen(
        [str(mutmut), "run", "--max-children", str(children), *(f"lti.{name}.*" for name in modules)],
        cwd=folder,
        env=environment(Path(sysconfig.get_path("purelib"))),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,  # so that it can be stopped with all its children
    )
    try:
        status = started.wait(timeout=None if minutes is None else minutes * 60)
    except subprocess.TimeoutExpired:
        status = 0  # each verdict was written down when it was found
    finally:
        _stop_all(started)
    if status != 0:
        raise Unavailable(
            "mutation_run_failed", "变异测试没有跑完:请先确认 ./anxue test tests/lti 全部通过。"
        )


def _stop_all(started: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGTERM)
    started.wait()


def _copy_to_change(root: Path, folder: Path) -> None:
    before = {path.name: path.read_text(encoding="utf-8") for path in (folder / "lti").glob("*.py")}
    copy_tree(root, folder)
    for path in (folder / "lti").glob("*.py"):
        text = _CACHE.sub("", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
        if before.get(path.name) == text:
            os.utime(path, (0, 0))  # mutmut tells by a file's time whether it has changed since


def _forget_the_living(folder: Path) -> None:
    # Which tests reach a function is found out anew as well: tests are what changes between two runs.
    (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)
    for path in (folder / "mutants" / "lti").glob("*.meta"):
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept["exit_code_by_key"] = {
            name: code if _VERDICTS.get(code) in _DEAD else None
            for name, code in kept["exit_code_by_key"].items()
        }
        path.write_text(json.dumps(kept), encoding="utf-8")


def read_scores(folder: Path) -> list[Score]:
    """Return what came of each file that has anything to change, by name."""
    scores = []
    for path in sorted((folder / "mutants" / "lti").glob("*.py.meta")):
        codes: dict[str, int | None] = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        verdicts = {
            name: _VERDICTS.get(code, Verdict.UNDECIDED) if code is not None else Verdict.UNDECIDED
            for name, code in codes.items()
        }
        if verdicts:
            scores.append(_score(path.with_suffix(""), verdicts))
    return scores


def _score(mutated: Path, verdicts: dict[str, Verdict]) -> Score:
    file = f"lti/{mutated.name}"
    functions = dict(_functions(mutated.read_text(encoding="utf-8")))
    remaining = []
    for name, verdict in verdicts.items():
        if verdict in (Verdict.SURVIVED, Verdict.UNREACHED):
            key = name.rpartition(".")[2]
            original, _, _ = key.rpartition("__mutmut_")
            was, now = _difference(functions[original + _ORIGINAL], functions[key])
            remaining.append(Mutant(file, _as_written(original), was, now, verdict))
    return Score(file, Counter(verdicts.values()), tuple(remaining))


def _functions(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the lines, without indent, of each function that mutmut wrote."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name:
            body = lines[node.lineno - 1 : node.end_lineno]
            yield node.name, [line.strip().replace(node.name, "_") for line in body]


def _difference(was: list[str], now: list[str]) -> tuple[str, str]:
    changes = difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
    changed = [each for each in changes if each[0] != "equal"]
    return (
        "\n".join(line for _, start, end, _, _ in changed for line in was[start:end]),
        "\n".join(line for _, _, _, start, end in changed for line in now[start:end]),
    )


def _as_written(mangled: str) -> str:
    """Return "StateSeal.open" for "xǁStateSealǁopen", "new_flow" for "x_new_flow"."""
    return mangled.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled.removeprefix("x_")
