"""`./anxue api client …`: programs of authorities and institutions that may read by the API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.registry.tables import InstitutionRow
from bridge.settings import Settings
from bridge.supervision.api_assertions import read_keys
from bridge.supervision.api_clients import GRACE, LONGEST, ApiClient, ApiClients, IssuedClient
from bridge.supervision.api_scopes import SCOPES_ZH, ApiScope
from bridge.supervision.api_tokens import ApiCaller
from bridge.supervision.export_tables import table_of
from bridge.supervision.list_export_tables import ListExportRow
from bridge.supervision.list_exports import ListExports, Owner, require_allowed
from bridge.web.api.exports import make_file
from bridge.wiring import House
from bridge.wiring.supervised import area_of

_by = click.option("--by", required=True, metavar="REF", help="操作人编号(写入记录,不写姓名)。")
_client = click.argument("client_id", metavar="CLIENT")
_keys = click.option(
    "--keys",
    "keys_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="公钥文件(JWK Set):客户端用自己的私钥签名,本桥不知道它(private_key_jwt)。",
)


@click.group("api", help="只读接口:监管部门和培训机构自有系统的客户端。")
def api() -> None:
    """Hold the commands together."""


@api.group("client", help="客户端:申请、批准、更换密钥、停用;密钥只显示一次。")
def client() -> None:
    """Hold the commands together."""


@client.command("add", help="申请一个客户端;由另一人批准(allow,或本单位页面)后才能使用。")
@click.option("--division", metavar="CODE", help="监管部门的行政区划代码:只能读取本辖区的记录。")
@click.option("--institution", metavar="ID", help="培训机构编号:只能读取本机构的记录。")
@click.option("--name", required=True, help="系统名称。")
@click.option("--purpose", required=True, help="用途。")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([str(one) for one in ApiScope]),
    help="权限范围(可多次使用):" + ";".join(f"{scope} {words}" for scope, words in SCOPES_ZH.items()),
)
@click.option(
    "--days", type=click.IntRange(1, LONGEST.days), default=365, show_default=True, help="有效天数。"
)
@_keys
@_by
def add(
    division: str | None,
    institution: str | None,
    name: str,
    purpose: str,
    scopes: tuple[str, ...],
    days: int,
    keys_file: Path | None,
    by: str,
) -> None:
    """Ask for a client and print its secret once."""
    with _office("a client of the read API is asked for") as (house, tx):
        issued = ApiClients(tx.session, house.clock).ask(
            _owner(house, tx, division, institution),
            name=name,
            purpose=purpose,
            scopes=scopes,
            by=by,
            keys=None if keys_file is None else _read(keys_file),
            lasts=timedelta(days=days),
        )
        told = _issued(house, issued)
    print_json(told)


@client.command("list", help="列出全部客户端(一行一个 JSON,不含密钥)。")
def list_command() -> None:
    """Print the clients."""
    with _office("list the clients of the read API") as (house, tx):
        for one in ApiClients(tx.session, house.clock).all():
            print_json(_facts(house, one))


@client.command("allow", help="批准一个客户端;申请人不能自己批准。")
@_client
@_by
def allow(client_id: str, by: str) -> None:
    """Let a client in."""
    _decide(client_id, by, allowed=True)
    click.echo("已批准。")


@client.command("refuse", help="不批准一个客户端。")
@_client
@_by
def refuse(client_id: str, by: str) -> None:
    """Keep a client out."""
    _decide(client_id, by, allowed=False)
    click.echo("已拒绝。")


@client.command("rotate", help="换一个新的密钥(只显示一次);原密钥在宽限期内仍然有效。")
@_client
@click.option(
    "--grace-hours",
    type=click.IntRange(0, 24 * 90),
    default=int(GRACE.total_seconds()) // 3600,
    show_default=True,
    help="原密钥继续有效的小时数;0 为立即失效。",
)
@_by
def rotate(client_id: str, grace_hours: int, by: str) -> None:
    """Give a client a new secret."""
    with _office("a client's secret is changed") as (house, tx):
        grace = timedelta(hours=grace_hours)
        told = _issued(house, ApiClients(tx.session, house.clock).rotate(client_id, by=by, grace=grace))
    print_json(told)


@client.command("keys", help="更换客户端的公钥;旧公钥仍在文件中时继续有效。")
@_client
@click.argument("keys_file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_by
def keys_command(client_id: str, keys_file: Path, by: str) -> None:
    """Give a client that signs other public keys."""
    with _office("a client's keys are changed") as (house, tx):
        ApiClients(tx.session, house.clock).replace_keys(client_id, _read(keys_file), by=by)
    click.echo("已更换公钥。")


@client.command("revoke", help="立即停用一个客户端,收回它的全部令牌。")
@_client
@click.option("--reason", required=True, help="停用原因。")
@_by
def revoke(client_id: str, reason: str, by: str) -> None:
    """End a client."""
    with _office("a client of the read API is ended") as (house, tx):
        ApiClients(tx.session, house.clock).revoke(client_id, by=by, reason=reason)
    click.echo("已停用。")


@api.command("export", help="把已获批的整表 EXPORT 写成 Parquet 文件(与接口下载相同,同样记录)。")
@click.argument("export_id", metavar="EXPORT")
@click.option(
    "--dir",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="写到哪个文件夹。",
)
@_by
def export_command(export_id: str, folder: Path, by: str) -> None:
    """Write a whole table that two officials allowed."""
    with _office("whose export it is") as (house, tx):
        row = tx.session.get(ListExportRow, export_id)
        if row is None or row.division_code is None:
            raise InvalidInput("export_unknown", "没有这项导出,请核对编号。", http_status=404)
        owner = Owner(division_code=row.division_code)
        wanted = ListExports(tx.session, house.clock, owner).one(export_id)
        require_allowed(wanted, house.clock.now())
    path = folder / f"{table_of(wanted.kind) or wanted.kind}-{wanted.id}.parquet"
    house = House.build(Settings())
    try:
        with path.open("x+b") as file:
            sha256, rows = make_file(house, ApiCaller(by, by, owner, frozenset()), wanted, file)
    except FileExistsError as error:
        raise InvalidInput("export_file_exists", "文件已经存在,请另选文件夹。") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        house.close()
    print_json({"file": str(path), "rows": rows, "sha256": sha256})


def _decide(client_id: str, by: str, *, allowed: bool) -> None:
    with _office("a client of the read API is decided on") as (house, tx):
        ApiClients(tx.session, house.clock).decide(client_id, allow=allowed, by=by)


def _owner(house: House, tx: Tx, division: str | None, institution: str | None) -> Owner:
    """Return for whom; InvalidInput: api_owner_unclear, division_unknown, institution_unknown."""
    if (division is None) == (institution is None):
        raise InvalidInput("api_owner_unclear", "请写明 --division(监管部门)或 --institution(培训机构)之一。")
    if division is not None:
        area_of(house.divisions, division)
        if division not in house.divisions:
            raise InvalidInput("division_unknown", "没有这个行政区划代码。")
        return Owner(division_code=division)
    if tx.session.get(InstitutionRow, institution) is None:
        raise InvalidInput("institution_unknown", "没有这家机构,请核对编号。")
    return Owner(institution=InstitutionId(institution or ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_keys(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("api_keys_malformed", "公钥文件不是 JSON。") from error


def _issued(house: House, issued: IssuedClient) -> dict[str, Any]:
    told = {**_facts(house, issued.client), "token_url": f"{house.settings.public_url}/api/oauth/token"}
    return told if issued.secret is None else {**told, "client_secret": issued.secret}


def _facts(house: House, one: ApiClient) -> dict[str, Any]:
    return {
        "client_id": one.id,
        "division": one.owner.division_code,
        "institution": one.owner.institution,
        "name": one.name,
        "purpose": one.purpose,
        "scopes": [str(scope) for scope in one.scopes],
        "method": one.method,
        "state": one.state(house.clock.now()),
        "expires_at": rfc3339(one.expires_at),
        "steps": [{"step": step.step, "by": step.by, "at": rfc3339(step.at)} for step in one.steps],
    }


@contextmanager
def _office(purpose: str) -> Iterator[tuple[House, Tx]]:
    house = House.build(Settings())
    try:
        with house.uow.across_institutions(purpose) as tx:
            yield house, tx
    finally:
        house.close()
