from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.kernel.errors import Unavailable
from bridge.setup import test_run
from bridge.setup.test_run import Counts, read_counts


def _report(folder: Path, attributes: str) -> Path:
    report = folder / "report.xml"
    report.write_text(f"<testsuites><testsuite {attributes}/></testsuites>")
    return report


def test_counts_come_from_the_report_of_pytest(tmp_path: Path) -> None:
    report = _report(tmp_path, 'tests="10" failures="2" errors="1" skipped="3"')
    assert read_counts(report, 1.5) == Counts(passed=4, failed=2, errors=1, skipped=3, seconds=1.5)


def test_a_run_without_a_report_counts_nothing(tmp_path: Path) -> None:
    assert read_counts(tmp_path / "absent.xml", 1.0) == Counts(0, 0, 0, 0, 1.0)


def test_the_summary_reads_like_that_of_pytest() -> None:
    assert Counts(5, 0, 0, 0, 1.25).line() == "==== 5 passed in 1.25s ===="
    both = Counts(5, 1, 0, 0, 1.0) + Counts(2, 0, 1, 3, 2.0)
    assert both.line() == "==== 1 failed, 7 passed, 3 skipped, 1 error in 3.00s ===="


class Runs:
    """Notes the commands and answers for them: pytest reports `attributes`, `failing` exits with 1."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, attributes: str, failing: str = "none") -> None:
        self.commands: list[list[str]] = []
        self._attributes, self._failing = attributes, failing
        monkeypatch.setattr(test_run, "_run", self.run)
        monkeypatch.setattr(test_run, "ensure_programs", lambda: None)
        monkeypatch.setattr(test_run, "ensure_assets", lambda: None)
        monkeypatch.setattr(test_run, "ensure_peer", lambda peer: None)

    def run(self, command: list[str], told: Path | None = None) -> int:
        self.commands.append(command)
        for argument in command:
            if argument.startswith("--junit-xml="):
                folder = Path(argument.partition("=")[2]).parent
                folder.mkdir()
                _report(folder, self._attributes)
        if told is not None:
            told.write_text("what the browser tests said")
        return 1 if self._failing in " ".join(command) else 0


def test_everything_runs_and_the_counts_stand_last(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch, 'tests="4" failures="0" errors="0" skipped="0"')
    result = CliRunner().invoke(test_run.command, [])
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].startswith("==== 12 passed in ")
    assert "what the browser tests said" in result.output
    assert runs.commands[0][-3:] == ["-m", "e2e", "tests/e2e"], "alone, before anything else begins"
    (in_browsers,) = [one for one in runs.commands if one[-3:] == ["-m", "e2e", "--ignore=tests/e2e"]]
    others = [one for one in runs.commands[1:] if one is not in_browsers]
    assert [Path(one[3]).name for one in others[:4]] == ["ruff", "ruff", "mypy", "lint-imports"]
    assert all(one[:3] == ["nice", "-n", "5"] for one in others), "they leave the machine to the browser"
    assert others[4][-4:] == ["-m", "not e2e", "-n", "2"]
    assert len(others) == 5


@pytest.mark.parametrize(
    "failing", ["ruff format", "mypy", "lint-imports", "-m not e2e", "-m e2e tests", "-m e2e --ignore"]
)
def test_one_red_part_makes_the_run_red_and_the_rest_still_runs(
    monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    runs = Runs(monkeypatch, 'tests="4" failures="0" errors="0" skipped="0"', failing)
    result = CliRunner().invoke(test_run.command, [])
    assert result.exit_code == 1
    assert "not green" in result.output
    assert len(runs.commands) == 7


def test_a_skipped_test_makes_the_run_red(monkeypatch: pytest.MonkeyPatch) -> None:
    Runs(monkeypatch, 'tests="4" failures="0" errors="0" skipped="1"')
    result = CliRunner().invoke(test_run.command, [])
    assert result.exit_code == 1
    assert "3 skipped test(s)" in result.output


def test_arguments_go_to_pytest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch, "")
    assert (
        CliRunner().invoke(test_run.command, ["-k", "ledger", "--maxfail=1", "tests/ledger"]).exit_code == 0
    )
    assert [command[1:] for command in runs.commands] == [
        ["-m", "pytest", "-k", "ledger", "--maxfail=1", "tests/ledger"]
    ]


def test_a_missing_server_stops_the_run_before_any_test(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch, "")

    def missing() -> None:
        raise Unavailable("program_missing", "缺少 Redis。请执行 apt-get install redis-server 后重试。")

    monkeypatch.setattr(test_run, "ensure_programs", missing)
    result = CliRunner().invoke(test_run.command, [])
    assert result.exit_code == 1
    assert runs.commands == []
    assert "apt-get install redis-server" in result.output


def test_a_peer_that_cannot_be_installed_stops_the_run_before_any_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = Runs(monkeypatch, "")

    def missing(peer: object) -> None:
        raise Unavailable("peer_install_failed", "测试对端 xblock 的依赖安装失败。")

    monkeypatch.setattr(test_run, "ensure_peer", missing)
    result = CliRunner().invoke(test_run.command, [])
    assert result.exit_code == 1
    assert runs.commands == []
    assert "测试对端 xblock 的依赖安装失败" in result.output
