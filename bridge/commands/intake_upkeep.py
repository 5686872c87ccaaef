"""`./anxue intake replay | quarantine …`: read stored messages again; look after what was set aside."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import select

from bridge.intake.normalisers import NORMALISERS, family_of
from bridge.intake.quarantine_model import SetAside, State, Step
from bridge.intake.quarantine_wording import KINDS_ZH, STATES_ZH, STEPS_ZH, explain
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.json_line import failures_told, print_json
from bridge.kernel.time import LEGAL_ZONE, rfc3339
from bridge.registry.tables import InstitutionRow
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.intake_claims import Outcome
from bridge.wiring.intake_jobs import replay_one
from bridge.wiring.intake_replay import ReplayAsked, Replayed, cursor, read_cursor, replay

as_json_option = click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
institution_option = click.option("--institution", metavar="ID", help="机构编号;只有一家机构时可以不写。")
by_option = click.option(
    "--by", default="operator", show_default=True, metavar="REF", help="操作人编号(写入记录,不写姓名)。"
)
since_option = click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="只看此时以后(北京时间)。",
)
_OUTCOMES_ZH = {
    Outcome.SAME: "已在库中,不变",
    Outcome.MISSING: "缺少",
    Outcome.DIFFERS: "与库中不同(保留库中的,如需更正走更正流程)",
    Outcome.LOST: "所指内容已找不到",
}
_INTERRUPTED = 130


@click.command("replay", help="把收件箱里保存的消息用现在的程序重新读一遍;补上缺少的,不重复、不改写。")
@click.option(
    "--source", metavar="S", help=f"只读这种来源:{'、'.join(NORMALISERS)};或其中一个(如 webhook:REG)。"
)
@since_option
@institution_option
@click.option("--dry-run", is_flag=True, help="只报告会有什么变化,不改动。")
@click.option("--after", metavar="NEXT", help="从上次中断处继续(上次输出的 next)。")
@as_json_option
def replay_command(
    source: str | None,
    since: datetime | None,
    institution: str | None,
    dry_run: bool,
    after: str | None,
    as_json: bool,
) -> None:
    """Read again; exit 130 if somebody stopped it, with where to go on."""
    latest = Replayed()

    def tell(done: Replayed) -> None:
        nonlocal latest
        latest = done
        if sys.stderr.isatty() and done.at is not None:
            click.echo(f"\r已读 {done.messages} 条(到 {cursor(done.at)})", err=True, nl=False)

    with failures_told(as_json), open_house() as house:
        asked = ReplayAsked(
            institution=institution_named(house, institution),
            source=source,
            since=instant_of(since),
            after=None if after is None else read_cursor(after),
            dry_run=dry_run,
        )
        try:
            latest = replay(house, asked, tell)
        except KeyboardInterrupt:
            _print_replayed(latest, asked, as_json)
            raise SystemExit(_INTERRUPTED) from None
    _print_replayed(latest, asked, as_json)


def _print_replayed(done: Replayed, asked: ReplayAsked, as_json: bool) -> None:
    facts = done.facts()
    if as_json:
        print_json({"institution": asked.institution, "dry_run": asked.dry_run, **facts})
        return
    if sys.stderr.isatty():
        click.echo("", err=True)
    would = "会" if asked.dry_run else "已"
    click.echo(f"读了 {done.messages} 条消息,其中 {done.poison} 条无法读取({would}隔离)。")
    for outcome in Outcome:
        extra = f",{would}补上" if outcome is Outcome.MISSING and done.claims[outcome.value] else ""
        click.echo(f"  {_OUTCOMES_ZH[outcome]}:{done.claims[outcome.value]}{extra}")
    for one in done.named:
        click.echo(f"  {one['message']}  {one['source']}  {one['outcome']}  {one.get('claim', '')}")
    if facts["next"] is not None:
        click.echo(f"未读完。继续:./anxue intake replay --after {facts['next']} …")


@click.group("quarantine", help="被隔离的消息和任务:查看、重放、放弃、撤销放弃。")
def quarantine() -> None:
    """Hold the commands together."""


_own_id = click.argument("quarantine_id", metavar="ID")


@quarantine.command("list", help="列出被隔离的内容,最近的在前。")
@institution_option
@click.option("--source", metavar="S", help="只列这种来源。")
@click.option(
    "--state",
    type=click.Choice([*(str(one) for one in State), "all"]),
    default=str(State.WAITING),
    show_default=True,
    help="状态。",
)
@as_json_option
def list_command(institution: str | None, source: str | None, state: str, as_json: bool) -> None:
    """Print what is set aside."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose, read_only=True) as tx:
            found = house.at(tx).quarantine.list(
                state=None if state == "all" else State(state), source=source
            )
            counts = dict(house.at(tx).quarantine.counts())
    if as_json:
        print_json({"institution": whose, "counts": counts, "quarantine": [facts_of(one) for one in found]})
        return
    for one in found:
        click.echo("\n".join(_lines(one)))
    if not found:
        click.echo("没有被隔离的内容。")


@quarantine.command("show", help="查看一项:原因、怎么处理、经过。不显示消息内容。")
@_own_id
@institution_option
@as_json_option
def show_command(quarantine_id: str, institution: str | None, as_json: bool) -> None:
    """Print one with its steps."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            one = house.at(tx).quarantine.get(quarantine_id)
            steps = house.at(tx).quarantine.steps(quarantine_id)
    if as_json:
        print_json({**facts_of(one), "steps": [_step(step) for step in steps]})
        return
    click.echo("\n".join(_lines(one)))
    for step in steps:
        said = f" {step.note}" if step.note else ""
        click.echo(
            f"  {rfc3339(step.at)}  {STEPS_ZH.get(step.what, step.what)}  {step.by}  {step.reason}{said}"
        )


@quarantine.command("replay", help="重放一项,或 all:全部待处理的。")
@_own_id
@institution_option
@click.option("--source", metavar="S", help="与 all 一起使用:只重放这种来源。")
@by_option
@as_json_option
def replay_set_aside(
    quarantine_id: str, institution: str | None, source: str | None, by: str, as_json: bool
) -> None:
    """Try again; exit 1 if any of them is still set aside."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        ids = [quarantine_id]
        if quarantine_id == "all":
            with house.uow.for_institution(whose, read_only=True) as tx:
                waiting = house.at(tx).quarantine.list(source=source, limit=100_000)
            # The oldest first, as they came.
            ids = [one.id for one in reversed(waiting)]
        tried = [replay_one(house, whose, one, by=by) for one in ids]
    taken = [one for one in tried if one.state is State.TAKEN]
    left = [one for one in tried if one.state is not State.TAKEN and one.job is None]
    reopened = len(tried) - len(taken) - len(left)
    if as_json:
        print_json({"taken": len(taken), "reopened_jobs": reopened, "left": [facts_of(one) for one in left]})
    else:
        click.echo(f"重放成功 {len(taken)} 项,重新排队的任务 {reopened} 项,仍被隔离 {len(left)} 项。")
        for one in left:
            click.echo("\n".join(_lines(one)))
    if left:
        raise SystemExit(1)


@quarantine.command("discard", help="放弃一项(写明原因);记录保留,可以撤销。")
@_own_id
@click.option("--reason", required=True, help="为什么不需要它;不写电话、姓名等。")
@institution_option
@by_option
@as_json_option
def discard_command(quarantine_id: str, reason: str, institution: str | None, by: str, as_json: bool) -> None:
    """Give one up."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            house.at(tx).quarantine.discard(quarantine_id, by=by, note=reason)
            one = house.at(tx).quarantine.get(quarantine_id)
    _print_one(one, as_json)


@quarantine.command("restore", help="撤销放弃,重新列为待处理。")
@_own_id
@institution_option
@by_option
@as_json_option
def restore_command(quarantine_id: str, institution: str | None, by: str, as_json: bool) -> None:
    """Take back that one was given up."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            house.at(tx).quarantine.restore(quarantine_id, by=by)
            one = house.at(tx).quarantine.get(quarantine_id)
    _print_one(one, as_json)


def _print_one(one: SetAside, as_json: bool) -> None:
    if as_json:
        print_json(facts_of(one))
    else:
        click.echo("\n".join(_lines(one)))


def facts_of(one: SetAside) -> dict[str, Any]:
    """Return one as JSON values."""
    what, to_do = explain(one.reason)
    return {
        "id": one.id,
        "kind": one.kind.value,
        "source": one.source,
        "state": one.state.value,
        "reason": one.reason,
        "explanation": what,
        "to_do": to_do,
        "attempts": one.attempts,
        "set_aside_at": rfc3339(one.set_aside_at),
        "tried_at": rfc3339(one.tried_at),
        "next_try_at": None if one.next_try_at is None else rfc3339(one.next_try_at),
        "chain": one.chain,
        "seq": one.seq,
        "job": one.job,
    }


def _lines(one: SetAside) -> Sequence[str]:
    what, to_do = explain(one.reason)
    family = NORMALISERS.get(family_of(one.source))
    named = one.source if family is None else f"{family.name_zh}({one.source})"
    return [
        f"{one.id}  {STATES_ZH[one.state]}  {KINDS_ZH[one.kind]}  {named}",
        f"  原因    {what}({one.reason})",
        f"  处理    {to_do}",
        f"  时间    {rfc3339(one.set_aside_at)},共尝试 {one.attempts} 次,最近 {rfc3339(one.tried_at)}",
    ]


def _step(step: Step) -> dict[str, Any]:
    return {
        "what": step.what, "reason": step.reason, "note": step.note, "by": step.by, "at": rfc3339(step.at)
    }  # fmt: skip


def instant_of(typed: datetime | None) -> datetime | None:
    """Return what was typed as an instant; a time of day is that of China."""
    return None if typed is None else typed.replace(tzinfo=LEGAL_ZONE).astimezone(UTC)


@contextmanager
def open_house() -> Iterator[House]:
    """Give the house on these settings."""
    house = House.build(Settings())
    try:
        yield house
    finally:
        house.close()


def institution_named(house: House, named: str | None) -> InstitutionId:
    """Return the institution; InvalidInput: institution_missing, institution_unknown."""
    with house.uow.across_institutions("the operator says whose intake it is", read_only=True) as tx:
        known = [InstitutionId(one) for one in tx.session.scalars(select(InstitutionRow.id))]
    if named is None:
        if len(known) != 1:
            raise InvalidInput("institution_missing", "请用 --institution 指明机构")
        return known[0]
    if named not in known:
        raise InvalidInput("institution_unknown", "没有这家机构,请先载入机构资料")
    return InstitutionId(named)
