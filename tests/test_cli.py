"""The command line: every command has help, and a failure is a sentence on stderr and a status."""

import importlib
import json

import click
import pytest
from click.testing import CliRunner

from bridge.cli import entry, main
from bridge.kernel.errors import InvalidInput
from bridge.kernel.json_line import print_json
from bridge.settings import Settings

COMMANDS = main.list_commands(click.Context(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.get_short_help_str(), name


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "test"])
def test_help_ends_well(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["no-such-command"]).exit_code == 2


def test_a_refusal_is_a_sentence_with_its_reason_and_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise InvalidInput("made_refusal", "请换一个目录。")

    monkeypatch.setattr(main, "main", refused)
    with pytest.raises(SystemExit) as ended:
        entry(["rules"])
    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "anxue: 请换一个目录。(made_refusal)\n")


def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANXUE_PORT", "secret-by-mistake")
    monkeypatch.setattr(main, "main", lambda **_: Settings())
    with pytest.raises(SystemExit) as ended:
        entry([])
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert "设置有误 port" in captured.err
    assert "secret-by-mistake" not in captured.err


def test_json_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"学时": 2, "行": "a\nb"})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"学时": 2, "行": "a\nb"}


def test_asking_for_help_loads_no_model_and_no_compiler() -> None:
    source = importlib.util.find_spec("bridge.cli")
    assert source is not None
    import subprocess
    import sys

    code = (
        "import sys; from click.testing import CliRunner; from bridge.cli import main; "
        "CliRunner().invoke(main, ['serve', '--help']); "
        "print([m for m in ('onnxruntime', 'typst', 'celery', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
