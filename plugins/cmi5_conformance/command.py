"""`./anxue acceptance cmi5`: CATAPULT's LMS test suite against a bridge of its own, with a dated record."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from bridge.kernel.errors import Unavailable
from bridge.settings import ROOT
from plugins.cmi5_conformance.stand import Stand, stand

_ADAPTER = Path(__file__).with_name("bridge_lms.js")
_SECONDS = 900


@click.command("cmi5", help="用 ADL CATAPULT 的 LMS 测试套件验收 cmi5,并写下带日期的记录。")
@click.option(
    "--suite",
    "folder",
    envvar="ANXUE_CATAPULT",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="adlnet/CATAPULT 检出目录中的 lts,已执行 npm install,课件已在 pkg/dist 生成(ANXUE_CATAPULT)。",
)
@click.option("--chromium", default="/usr/bin/chromium", show_default=True, help="Chromium 的路径。")
@click.option("--database-url", default="", help="用哪个数据库;默认为临时的 SQLite。")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "docs" / "acceptance" / "cmi5.md",
    show_default="docs/acceptance/cmi5.md",
    help="记录写到哪里。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def cmi5(folder: Path, chromium: str, database_url: str, log: Path, as_json: bool) -> None:
    """Run the suite; exit 1 if a test did not pass."""
    suite = folder.resolve()
    if not (suite / "pkg" / "dist" / "001-essentials.zip").is_file():
        raise Unavailable(
            "suite_missing",
            "没有找到套件的课件(pkg/dist),请先在 lts 目录 npm install,并在 lts/pkg 生成课件",
            permanent=True,
        )
    with TemporaryDirectory(prefix="anxue-cmi5-") as made, stand(Path(made), database_url) as there:
        found = _run(suite, chromium, there, Path(made) / "jest.json")
    log.write_text(record(suite, found, "PostgreSQL" if database_url.startswith("postgres") else "SQLite"))
    facts = {name: found[name] for name in ("numPassedTests", "numFailedTests", "numTotalTests")}
    if as_json:
        click.echo(json.dumps(facts, separators=(",", ":")))
    else:
        click.echo(f"CATAPULT LMS:{facts['numPassedTests']}/{facts['numTotalTests']} 通过", err=True)
    if facts["numPassedTests"] != facts["numTotalTests"]:
        sys.exit(1)


def _run(suite: Path, chromium: str, there: Stand, output: Path) -> dict[str, Any]:
    """Return jest's own account of the run."""
    # The suite's own settings for the browser leave no place for where it stands.
    settings = output.with_name("puppeteer.js")
    launch = {"headless": True, "executablePath": chromium, "args": ["--no-sandbox", "--disable-gpu"]}
    settings.write_text(f"module.exports = {{launch: {json.dumps(launch)}}};\n")
    environment = {
        **os.environ,
        "CATAPULT_LMS": str(_ADAPTER),
        "ANXUE_CATAPULT": str(suite),
        "ANXUE_CMI5_STAND": there.address,
        "ANXUE_CMI5_LRS": there.lrs,
        "ANXUE_CMI5_LRS_AUTH": there.lrs_header,
        "JEST_PUPPETEER_CONFIG": str(settings),
        "NODE_PATH": str(suite / "node_modules"),
    }
    done = subprocess.run(
        ["npx", "jest", "--runInBand", "--json", f"--outputFile={output}", "--testTimeout=60000"],
        cwd=suite,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if not output.is_file():
        raise Unavailable("suite_failed", f"套件没有跑完:{done.stderr[-400:]}", permanent=True)
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def record(suite: Path, found: Mapping[str, Any], database: str) -> str:
    """Return what is written down of a run: every test, and why one failed."""
    lines = [
        "# CATAPULT's LMS test suite on cmi5",
        "",
        "Written by `./anxue acceptance cmi5 --suite DIR`; DIR is `lts` of a checkout of adlnet/CATAPULT after",
        "`npm install` there and webpack in `lts/pkg` (`NODE_OPTIONS=--openssl-legacy-provider npx webpack`). The AUs",
        "run in Chromium, on an origin of their own; made-up learners are launched past the class run's conditions.",
        "",
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- Commit: {_commit(ROOT) or 'unknown'}",
        f"- Suite: commit {_commit(suite) or 'unknown'}",
        f"- Database: {database}",
        f"- {found['numPassedTests']} of {found['numTotalTests']} tests passed, {found['numFailedTests']} failed, "
        f"{found['numPendingTests']} not run",
    ]
    for part in sorted(found["testResults"], key=lambda one: str(one["name"])):
        lines += ["", f"## {Path(part['name']).stem}", ""]
        for one in part["assertionResults"]:
            title = " › ".join([*one["ancestorTitles"], one["title"]])
            lines.append(f"- {one['status']}: {title}")
            lines += [f"  - {message.splitlines()[0]}" for message in one["failureMessages"]]
    return "\n".join(lines) + "\n"


def _commit(folder: Path) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
