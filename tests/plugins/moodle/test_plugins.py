"""The Moodle plugins of this repository against everything that can be checked without a Moodle."""

import json
import subprocess
from pathlib import Path

import pytest

from bridge.setup.servers import PROGRAMS, require
from tests.plugins.moodle import plugin_checks, string_checks
from tests.plugins.moodle.plugin_checks import Check, Plugin, read_plugins

_FOLDER = Path(__file__).resolve().parents[3] / "plugins" / "moodle"
_PLUGINS = read_plugins(_FOLDER)
_CHECKS: list[Check] = [
    check
    for module in (plugin_checks, string_checks)
    for name, check in sorted(vars(module).items())
    if name.startswith("check_")
]


def _program(title: str) -> str:
    return str(require(next(program for program in PROGRAMS if program.title == title)))


def test_the_three_plugins_stand_here() -> None:
    assert set(_PLUGINS) == {"local_anxue", "quizaccess_anxue", "availability_anxue"}
    assert all(plugin.php for plugin in _PLUGINS.values())


@pytest.mark.parametrize("check", _CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("plugin", _PLUGINS.values(), ids=lambda plugin: plugin.component)
def test_a_plugin_is_as_moodle_wants_it(plugin: Plugin, check: Check) -> None:
    assert [str(finding) for finding in check(plugin)] == []


@pytest.mark.parametrize("plugin", _PLUGINS.values(), ids=lambda plugin: plugin.component)
def test_every_php_file_parses(plugin: Plugin) -> None:
    php = _program("PHP")
    for source in plugin.php:
        done = subprocess.run([php, "-l", str(source.path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("plugin", _PLUGINS.values(), ids=lambda plugin: plugin.component)
def test_a_plugin_keeps_the_coding_standard(plugin: Plugin) -> None:
    assert coding_standard(plugin.folder) == []


def test_the_coding_standard_sees_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "bad.php").write_text(
        "<?php\nclass bad\n{\n    public function f(){\n        eval(array('x')[0]);\n\t}\n}\n",
        encoding="utf-8",
    )
    broken = {line.rpartition(" ")[2] for line in coding_standard(tmp_path)}
    assert {
        "Generic.Classes.OpeningBraceSameLine.BraceOnNewLine",
        "Generic.Arrays.DisallowLongArraySyntax.Found",
        "Squiz.PHP.Eval.Discouraged",
        "Generic.WhiteSpace.DisallowTabIndent.TabsUsed",
    } <= broken


def test_php_refuses_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "bad.php").write_text("<?php\nfunction (\n", encoding="utf-8")
    done = subprocess.run(
        [_program("PHP"), "-l", str(tmp_path / "bad.php")], capture_output=True, check=False
    )
    assert done.returncode != 0


def coding_standard(folder: Path) -> list[str]:
    """Return what PHP_CodeSniffer finds below a folder, errors and warnings: `file:line sentence sniff`."""
    command = [
        _program("PHP_CodeSniffer"),
        f"--standard={_FOLDER / 'phpcs.xml'}",
        "--report=json",
        "-q",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    return [
        f"{Path(name).relative_to(folder)}:{message['line']} {message['message']} {message['source']}"
        for name, file in report["files"].items()
        for message in file["messages"]
    ]
