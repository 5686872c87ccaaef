"""The command itself: which parts run, and where the record goes."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bridge.kernel.errors import BridgeError
from bridge.settings import ROOT
from bridge.setup.mutation.defences import Proof, failing_with_all_defences, prove, read_removals
from bridge.setup.mutation.equivalents import read_equivalents
from bridge.setup.mutation.mutants import read_scores, run_mutants
from bridge.setup.mutation.record import Outcome, render

_TABLES = ROOT / "tests" / "lti"


@click.command(
    "mutation", help="逐一拆除 lti/ 的防线、逐处改动 lti/ 的代码,看测试能否发现,并写下带日期的记录。"
)
@click.argument("modules", nargs=-1, metavar="[模块]...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              help="记录写到哪里;完整运行时默认 docs/acceptance/<日期>-mutation.md,否则只显示。")  # fmt: skip
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path),
              help="工作目录,保留下来,下次可以接着做;默认用完即删的临时目录。")  # fmt: skip
@click.option(
    "--children", type=click.IntRange(1), default=2, show_default=True, help="同时运行几个测试进程。"
)
@click.option("--defences-only", is_flag=True, help="只拆除防线(几分钟),不做逐处改动(一小时以上)。")
def mutation(
    modules: Sequence[str], out: Path | None, folder: Path | None, children: int, defences_only: bool
) -> None:
    """Run; exit 1 if a defence could be taken out unnoticed, or a mutant lives for which nobody gave a reason.

    Args:
        modules: of lti, e.g. launch; none means all.
    """
    if unknown := [name for name in modules if not (ROOT / "lti" / f"{name}.py").is_file()]:
        raise click.UsageError(f"lti/ 中没有这些模块:{'、'.join(unknown)}")
    with TemporaryDirectory(prefix="anxue-mutation-") as own:
        try:
            outcome = _run(folder.resolve() if folder else Path(own), modules, children, defences_only)
        except BridgeError as error:
            raise click.ClickException(error.message) from error
    now = datetime.now(UTC)
    options = ["--defences-only"] if defences_only else list(modules)
    text = render(outcome, " ".join(["./anxue acceptance mutation", *options]), ROOT, now)
    if out is None and not options:
        out = ROOT / "docs" / "acceptance" / f"{now:%Y-%m-%d}-mutation.md"
    if out is None:
        click.echo(text)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"记录已写入 {out}")
    green = all(proof.stands for proof in outcome.proofs) and not outcome.open_mutants()
    sys.exit(0 if green else 1)


def _run(folder: Path, modules: Sequence[str], children: int, defences_only: bool) -> Outcome:
    removals = read_removals(_TABLES / "defences")
    if red := failing_with_all_defences(removals, ROOT, folder / "defences" / "whole"):
        raise click.ClickException(f"没有改动时就不通过的测试:{'、'.join(sorted(red))}")
    proofs = prove(removals, ROOT, folder / "defences", children, _tell)
    equivalents = read_equivalents(_TABLES / "equivalent_mutants.toml")
    if defences_only:
        return Outcome(proofs, [], equivalents)
    work = folder / "mutants-of-lti"
    run_mutants(ROOT, work, children, modules)
    wanted = {f"lti/{name}.py" for name in modules}
    scores = [score for score in read_scores(work) if not wanted or score.file in wanted]
    return Outcome(proofs, scores, equivalents)


def _tell(proof: Proof) -> None:
    mark = "✓" if proof.stands else f"✗ {proof.trouble or ', '.join(proof.unmoved)}"
    click.echo(f"{proof.removal.case:4} {proof.removal.file} {mark}", err=True)
