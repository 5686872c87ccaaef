"""What of the acceptance can be tested without a Moodle: how it reads pages, what it writes, how it is called."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from bridge.commands.acceptance import acceptance
from plugins.moodle.acceptance.bridge_side import BridgeSide
from plugins.moodle.acceptance.log import write_log
from plugins.moodle.acceptance.person import Page, Person
from plugins.moodle.acceptance.run import Run
from plugins.moodle.acceptance.school import School
from plugins.moodle.acceptance.site import Site
from plugins.simulators.demonstration.steps import Journal, StepFailed

_URL = "http://moodle.example/mod/quiz/view.php?id=7"


def _page(body: str, status: int = 200) -> Page:
    return Page(_URL, status, f"<html><head><title>Quiz</title></head><body>{body}</body></html>")


def test_a_refusal_is_read_by_its_reason() -> None:
    assert _page('<span data-anxue-refused="revoked">x</span>').refusal == "revoked"
    assert _page("<span>revoked</span>").refusal == ""


def test_a_page_says_its_error_before_its_title() -> None:
    assert _page('<p class="errormessage">Not  allowed</p>', 404).said == "404 Not allowed"
    assert _page("").said == "200 Quiz"


def test_a_form_is_found_by_address_and_field() -> None:
    page = _page(
        '<form action="/a.php"><input name="x" value="1"></form>'
        '<form action="/a.php"><input name="y" value="2"></form>'
    )
    assert dict(page.form("/a.php", holding="y").form_values()) == {"y": "2"}
    with pytest.raises(StepFailed, match="没有所需的表单"):
        page.form("/b.php")


def test_a_page_without_its_key_is_not_taken_for_one() -> None:
    assert _page('<script>{"sesskey":"abc1"}</script>').sesskey == "abc1"
    with pytest.raises(StepFailed, match="sesskey"):
        _ = _page("").sesskey


def test_the_log_names_what_failed(tmp_path: Path) -> None:
    (tmp_path / "fake.php").write_text("", encoding="utf-8")
    site = Site("http://moodle.example", tmp_path, php="echo")  # echo answers in PHP's place
    admin = Person(site.url)
    journal = Journal(Console(quiet=True))
    with journal.step("one", "第一步") as step:
        step.say("看到 a|b")
    with pytest.raises(StepFailed), journal.step("two", "第二步"):
        raise StepFailed("没有看到")
    run = Run(site, admin, ("admin", "secret-word"), School(site, admin), BridgeSide(tmp_path), journal)
    write_log(run, tmp_path / "docs" / "moodle.md", datetime(2026, 11, 28, 9, 0, tzinfo=UTC))
    written = (tmp_path / "docs" / "moodle.md").read_text(encoding="utf-8")
    assert "- Date: 2026-11-28 09:00 UTC" in written
    assert "- Result: 1 of 2 steps passed" in written
    assert "| ✓ | 第一步 |" in written
    assert "看到 a\\|b" in written
    assert "| ✗ | 第二步 |" in written
    assert "没有看到" in written
    assert "secret-word" not in written
    assert "secret-word" not in repr(run)


def test_the_command_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOODLE_URL", "MOODLE_DIR", "MOODLE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    assert "moodle" in CliRunner().invoke(acceptance, ["--help"]).output
    refused = CliRunner().invoke(acceptance, ["moodle"])
    assert refused.exit_code == 2
    assert "--url" in refused.output
    assert CliRunner().invoke(acceptance, ["canvas"]).exit_code == 2
