"""`./anxue acceptance xapi`: the ADL suite against a bridge of its own, 1.0.3 and 2.0.0, with a dated record."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bridge.intake.xapi.model import Scope, Store, Version
from bridge.kernel.ids import InstitutionId
from bridge.serve import die_with_parent
from bridge.settings import ROOT, Mode, Settings
from bridge.start import set_up
from bridge.wiring import House
from bridge.wiring.xapi import credentials
from plugins.lrs_conformance.suite import Outcome, Suite
from plugins.simulators.demonstration.processes import Child, free_ports
from plugins.simulators.demonstration.steps import wait_for

_ORG = InstitutionId("org_conformance")
_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0


@click.command("xapi", help="用 ADL 的 LRS 符合性测试套件验收 xAPI 入口(1.0.3 和 2.0.0),并写下带日期的记录。")
@click.option(
    "--suite",
    "folder",
    envvar="ANXUE_LRS_SUITE",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="adlnet/lrs-conformance-test-suite 的检出目录,已执行 npm install(环境变量 ANXUE_LRS_SUITE)。",
)
@click.option("--node", default="node", show_default=True, help="Node.js 的命令。")
@click.option("--database-url", default="", help="用哪个数据库;默认为临时的 SQLite。")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "docs" / "acceptance" / "xapi.md",
    show_default="docs/acceptance/xapi.md",
    help="记录写到哪里。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def xapi(folder: Path, node: str, database_url: str, log: Path, as_json: bool) -> None:
    """Run both versions; exit 1 if a test did not pass."""
    suite = Suite(folder.resolve(), node)
    suite.check()
    outcomes = []
    with TemporaryDirectory(prefix="anxue-xapi-") as made, _bridge(Path(made), database_url) as (url, keys):
        for version in Version:
            click.echo(f"xAPI {version}:测试套件运行中……", err=True)
            outcome = suite.run(version, f"{url}/xAPI", *keys[version])
            click.echo(f"xAPI {version}:{outcome.passed}/{outcome.total} 通过", err=True)
            outcomes.append(outcome)
    log.write_text(
        _record(suite, outcomes, "PostgreSQL" if database_url.startswith("postgres") else "SQLite")
    )
    if as_json:
        facts = {
            one.version: {"passed": one.passed, "total": one.total, "failed": one.failed} for one in outcomes
        }
        click.echo(json.dumps(facts, separators=(",", ":")))
    if not all(one.complete for one in outcomes):
        sys.exit(1)


@contextmanager
def _bridge(folder: Path, database_url: str) -> Iterator[tuple[str, dict[Version, tuple[str, str]]]]:
    """Start a bridge for this run alone; yield its address and, for each version, key and secret.

    The suite compares what it gets with what it sent, e-mail addresses included, so its made-up people are kept as
    they are sent: in a store that no other mode than the demonstration opens.
    """
    port = free_ports(8380, 1)[0]
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        mode=Mode.DEMONSTRATION, data=folder / "data", database_url=database_url, port=port, public_url=url
    )
    set_up(settings)
    house = House.build(settings)
    try:
        keys = {}
        for version in Version:
            issued = credentials(house).add(
                _ORG, f"suite-{version}", Scope, by="acceptance", store=Store.CONFORMANCE, newest=version
            )
            keys[version] = (issued.credential.id, issued.secret)
    finally:
        house.close()
    log = folder / "bridge.log"
    with log.open("ab") as words:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bridge.cli", "run", "web"],
            cwd=ROOT, env=_environment(settings), stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=die_with_parent,  # noqa: PLW1509  # no thread was started yet
        )  # fmt: skip
    try:
        wait_for(
            Child("bridge", "安学桥", f"{url}/readyz", log, process).look, _READY_SECONDS, "安学桥没有就绪"
        )
        yield url, keys
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANXUE_")}
    return {
        **inherited,
        "ANXUE_MODE": settings.mode,
        "ANXUE_DATA": str(settings.data_dir),
        "ANXUE_DATABASE_URL": settings.database_url,
        "ANXUE_PORT": str(settings.port),
        "ANXUE_PUBLIC_URL": settings.public_url,
    }


def _record(suite: Suite, outcomes: Sequence[Outcome], database: str) -> str:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    lines = [
        "# The ADL LRS conformance suite on the xAPI door",
        "",
        "Written by `./anxue acceptance xapi --suite DIR`; DIR is a checkout of",
        "adlnet/lrs-conformance-test-suite after `npm install`. The suite compares what it reads with what it sent,",
        "so that it needs a store that keeps people as they are sent. Such a store holds made-up people only and",
        "opens in the demonstration alone; a store of records turns each agent into a blind account and takes",
        "contact data out before anything is kept.",
        "",
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- Commit: {commit or 'unknown'}",
        f"- Suite: commit {suite.commit()[:12]}, Node.js {suite.node_version()}",
        f"- Database: {database}",
        *(
            f"- xAPI {one.version}: {one.passed} of {one.total} tests passed, {one.failed} failed, "
            f"{one.seconds:.0f} s"
            for one in outcomes
        ),
    ]
    for one in outcomes:
        lines += ["", f"## {one.version}", "", "| section | passed | tests |", "| --- | ---: | ---: |"]
        lines += [f"| {section.title} | {section.passed} | {section.total} |" for section in one.sections]
        lines += ["", "Not passed:", ""] if one.failures else []
        lines += [f"- {title}" for title in one.failures]
    return "\n".join(lines) + "\n"
