"""`./anxue intake canvas …`: which Canvas accounts send Live Events."""

from typing import Any

import click

from bridge.commands.intake_upkeep import (
    as_json_option,
    by_option,
    institution_named,
    institution_option,
    open_house,
)
from bridge.intake.canvas_sources import INSTRUCTURE_KEYS, CanvasSource
from bridge.kernel.json_line import failures_told, print_json
from bridge.kernel.time import rfc3339
from bridge.wiring.learning import canvas_sources


@click.group("canvas", help="Canvas Live Events 的来源:哪个 Canvas 账户可以发送事件。")
def canvas() -> None:
    """Hold the commands together."""


@canvas.command("add", help="登记一个 Canvas 账户;把显示的地址填入 Canvas 的 Data Services(HTTPS,签名打开)。")
@click.option("--source", required=True, metavar="NAME", help="来源名,如 canvas-1(小写字母、数字、. _ -)。")
@click.option(
    "--root-account-uuid",
    required=True,
    metavar="UUID",
    help="Canvas 根账户的 root_account_uuid:只接收它的事件。",
)
@click.option(
    "--hostname", required=True, metavar="HOST", help="学校的 Canvas 域名,如 school.instructure.com。"
)
@click.option(
    "--jwks-url", default=INSTRUCTURE_KEYS, show_default="Instructure 公布的地址", help="验证签名的公钥地址。"
)
@institution_option
@by_option
@as_json_option
def add(
    source: str,
    root_account_uuid: str,
    hostname: str,
    jwks_url: str,
    institution: str | None,
    by: str,
    as_json: bool,
) -> None:
    """Let a Canvas account send events."""
    with failures_told(as_json), open_house() as house:
        made = canvas_sources(house).add(
            institution_named(house, institution),
            source,
            root_account_uuid=root_account_uuid,
            hostname=hostname,
            jwks_url=jwks_url,
            by=by,
        )
        _print(made, house.settings.public_url, as_json)


@canvas.command("list", help="列出 Canvas 来源。")
@institution_option
@as_json_option
def list_command(institution: str | None, as_json: bool) -> None:
    """Print an institution's sources."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        found = canvas_sources(house).list(whose)
        url = house.settings.public_url
    if as_json:
        print_json({"institution": whose, "sources": [_facts(one, url) for one in found]})
        return
    for one in found:
        _print(one, url, as_json=False)
    if not found:
        click.echo("还没有 Canvas 来源。请用 ./anxue intake canvas add 登记。")


@canvas.command("end", help="不再接收一个来源的事件;已收到的不受影响。")
@click.argument("source_id", metavar="ID")
@institution_option
@by_option
@as_json_option
def end(source_id: str, institution: str | None, by: str, as_json: bool) -> None:
    """Take no more events of a source."""
    with failures_told(as_json), open_house() as house:
        ended = canvas_sources(house).end(institution_named(house, institution), source_id, by=by)
        _print(ended, house.settings.public_url, as_json)


def _print(one: CanvasSource, public_url: str, as_json: bool) -> None:
    facts = _facts(one, public_url)
    if as_json:
        print_json(facts)
        return
    state = "接收中" if one.ended_at is None else "已停止"
    click.echo(
        f"{one.id}  {one.institution}/{one.source}  {state}\n"
        f"  地址    {facts['endpoint']}\n"
        f"  账户    {one.root_account_uuid}  {one.hostname}"
    )


def _facts(one: CanvasSource, public_url: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "institution": one.institution,
        "source": one.source,
        "endpoint": f"{public_url}/canvas/v1/{one.id}",
        "root_account_uuid": one.root_account_uuid,
        "hostname": one.hostname,
        "jwks_url": one.jwks_url,
        "created_at": rfc3339(one.created_at),
        "ended_at": None if one.ended_at is None else rfc3339(one.ended_at),
    }
