"""`./anxue acceptance bagit`: the conformance suite on our verifier, and both engines on bags of our own."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bridge.settings import ROOT
from plugins.archive.bagit_bag import BagitBag
from plugins.bagit_conformance.suite import Case, commit, library_accepts, run


@click.command("bagit", help="用美国国会图书馆的 BagIt 符合性测试套件验收档案包的校验,并写下带日期的记录。")
@click.option(
    "--suite",
    "folder",
    envvar="ANXUE_BAGIT_SUITE",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="LibraryOfCongress/bagit-conformance-suite 的检出目录(环境变量 ANXUE_BAGIT_SUITE)。",
)
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "docs" / "acceptance" / "bagit.md",
    show_default="docs/acceptance/bagit.md",
    help="记录写到哪里。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def bagit(folder: Path, log: Path, as_json: bool) -> None:
    """Run all cases; exit 1 if one was judged wrongly, or a bag of ours is not accepted by both engines."""
    cases = run(folder.resolve())
    ours = _own_bags()
    wrong = [one for one in cases if not one.right]
    log.write_text(_record(folder.resolve(), cases, ours), encoding="utf-8")
    facts = {
        "cases": len(cases),
        "right": len(cases) - len(wrong),
        "library_right": sum(one.library_right for one in cases),
        "own_bags": len(ours),
        "own_bags_accepted": sum(ours),
        "wrong": [f"{one.version}/{one.category}/{one.name}" for one in wrong],
    }
    if as_json:
        click.echo(json.dumps(facts, separators=(",", ":")))
    else:
        click.echo(
            f"套件 {facts['right']}/{facts['cases']} 判断正确;自有档案包 {sum(ours)}/{len(ours)} 两种引擎均接受。"
        )
    if wrong or not all(ours):
        sys.exit(1)


def _own_bags() -> list[bool]:
    """Return whether each of some bags of ours, of odd shapes, is accepted by our check and by the library's."""
    shapes: list[dict[str, bytes]] = [
        {"index.json": b"{}\n"},
        {"empty.bin": b""},
        {"a/b/c/deep.txt": b"x", "a/b/d.txt": b"y"},
        {f"many/{number:04d}.txt": str(number).encode() for number in range(300)},
        {"large.bin": bytes(range(256)) * 8192},
    ]
    accepted = []
    for number, payload in enumerate(shapes):
        with TemporaryDirectory(prefix="anxue-bag-") as made:
            for path, content in BagitBag().seal(payload, {"External-Identifier": str(number)}).items():
                target = Path(made) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            accepted.append(not BagitBag().faults(Path(made)) and library_accepts(Path(made)))
    return accepted


def _record(folder: Path, cases: Sequence[Case], ours: Sequence[bool]) -> str:
    ours_commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    counted = Counter((one.version, one.category) for one in cases)
    right = Counter((one.version, one.category) for one in cases if one.right)
    library = Counter((one.version, one.category) for one in cases if one.library_right)
    lines = [
        "# The BagIt conformance suite of the Library of Congress",
        "",
        "Written by `./anxue acceptance bagit --suite DIR`; DIR is a checkout of",
        "LibraryOfCongress/bagit-conformance-suite, no part of this repository. A case is right when a valid bag",
        "is accepted, a bag to be warned of is accepted with a warning, and an invalid one is refused; bags that are",
        "invalid on one system alone are refused on all. bagit knows no warnings, so that those count as right for it.",
        "",
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- Commit: {ours_commit or 'unknown'}",
        f"- Suite: commit {commit(folder)[:12]}",
        f"- Our verifier: {sum(right.values())} of {len(cases)} cases right",
        f"- bagit {version_of('bagit')}: {sum(library.values())} of {len(cases)} cases right",
        f"- Bags of ours accepted by both: {sum(ours)} of {len(ours)}",
        "",
        "| version | kind | cases | ours right | bagit right |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {version} | {category} | {number} | {right[version, category]} | {library[version, category]} |"
        for (version, category), number in counted.items()
    ]
    for title, wrong in (
        ("Judged wrongly by ours", [one for one in cases if not one.right]),
        ("Judged wrongly by bagit", [one for one in cases if not one.library_right]),
    ):
        lines += ["", f"{title}:", ""]
        lines += [f"- {one.version}/{one.category}/{one.name}" for one in wrong] or ["- none"]
    return "\n".join(lines) + "\n"
