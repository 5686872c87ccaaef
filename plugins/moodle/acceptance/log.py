"""The dated log of a run, in Markdown: what was accepted, where, and what each step saw."""

import subprocess
from datetime import datetime
from pathlib import Path

from bridge.settings import ROOT
from plugins.moodle.acceptance.run import Run


def write_log(run: Run, path: Path, now: datetime) -> None:
    """Write the log; a step that failed stands in it as such.

    Args:
        now: the time of the run.
    """
    done = sum(step.done for step in run.journal.steps)
    lines = [
        "# Acceptance on a real Moodle",
        "",
        "Written by `./anxue acceptance moodle`; the sentences are the command's own. People, course and contact data",
        "were made for the run and removed after it.",
        "",
        f"- Date: {now:%Y-%m-%d %H:%M} UTC",
        f"- Commit: {_commit()}",
        f"- Moodle: {run.site.release}",
        f"- PHP: {_php(run)}",
        f"- Result: {done} of {len(run.journal.steps)} steps passed",
        "",
        "| | step | seconds | what was seen |",
        "| --- | --- | ---: | --- |",
    ]
    for step in run.journal.steps:
        said = "<br>".join(sentence.replace("|", "\\|") for sentence in step.said)
        lines.append(f"| {'✓' if step.done else '✗'} | {step.title} | {step.seconds:.1f} | {said} |")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "(no repository)"


def _php(run: Run) -> str:
    return run.site.cli("-r", "echo PHP_VERSION;").stdout.strip()
