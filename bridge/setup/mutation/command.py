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
from bridge.setup.mutation.mutants import Score, read_scores, run_mutants
from bridge.setup.mutation.record import Outcome, render, tree_of

_TABLES = ROOT / "tests" / "lti"
_CHANGED = "mutants-of-lti"


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
@click.option("--minutes", type=click.IntRange(1),
              help="逐处改动最多做几分钟,之后停下并记录已做的部分;配合 --folder 下次接着做。")  # fmt: skip
@click.option("--defences-only", is_flag=True, help="只拆除防线(几分钟),不做逐处改动(一小时以上)。")
def mutation(
    modules: Sequence[str],
    out: Path | None,
    folder: Path | None,
    children: int,
    minutes: int | None,
    defences_only: bool,
) -> None:
    """Run; exit 1 if a defence could be taken out unnoticed, or a mutant lives for which nobody gave a reason.

    Args:
        modules: of lti, e.g. launch; none means all.
    """
    if unknown := [name for name in modules if not (ROOT / "lti" / f"{name}.py").is_file()]:
        raise click.UsageError(f"lti/ 中没有这些模块:{'、'.join(unknown)}")
    tree = tree_of(ROOT)
    with TemporaryDirectory(prefix="anxue-mutation-") as own:
        try:
            work = folder.resolve() if folder else Path(own)
            taken_up = (work / _CHANGED / "mutants").exists()
            proofs = _take_out_defences(work, children)
            scores = [] if defences_only else _change_everything(work, modules, children, minutes)
        except BridgeError as error:
            raise click.ClickException(error.message) from error
    outcome = Outcome(proofs, scores, read_equivalents(_TABLES / "equivalent_mutants.toml"), taken_up)
    now = datetime.now(UTC)
    said = (
        ["--defences-only"] if defences_only else [*modules, *([f"--minutes {minutes}"] if minutes else [])]
    )
    text = render(outcome, " ".join(["./anxue acceptance mutation", *said]), tree, now)
    if out is None and not said:
        out = ROOT / "docs" / "acceptance" / f"{now:%Y-%m-%d}-mutation.md"
    if out is None:
        click.echo(text)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"记录已写入 {out}")
    green = all(proof.stands for proof in outcome.proofs) and not outcome.open_mutants()
    sys.exit(0 if green else 1)


def _take_out_defences(folder: Path, children: int) -> list[Proof]:
    removals = read_removals(_TABLES / "defences")
    if red := failing_with_all_defences(removals, ROOT, folder / "defences" / "whole"):
        raise click.ClickException(f"没有改动时就不通过的测试:{'、'.join(sorted(red))}")
    return prove(removals, ROOT, folder / "defences", children, _tell)


def _change_everything(
    folder: Path, modules: Sequence[str], children: int, minutes: int | None
) -> list[Score]:
    work = folder / _CHANGED
    run_mutants(ROOT, work, children, modules, minutes)
    wanted = {f"lti/{name}.py" for name in modules}
    return [score for score in read_scores(work) if not wanted or score.file in wanted]


def _tell(proof: Proof) -> None:
    mark = "✓" if proof.stands else f"✗ {proof.trouble or ', '.join(proof.unmoved)}"
    click.echo(f"{proof.removal.case:4} {proof.removal.file} {mark}", err=True)
