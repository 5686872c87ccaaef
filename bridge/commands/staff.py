"""`./anxue staff …`: accounts of staff, for whoever has this machine – also when no administrator can sign in."""

import click

from bridge.commands.house import opened_house
from bridge.identity.second_factors import reset
from bridge.identity.staff import StaffAccount
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.web.sessions import end_sessions_of_staff
from bridge.wiring import House


@click.group("staff", help="人员账号:列出、解除等待、重新邀请、停用、重置两步验证。")
def staff() -> None:
    """Hold the commands together."""


@staff.command("list", help="列出全部账号(一行一个 JSON)。")
def list_command() -> None:
    """Print the accounts."""
    with opened_house() as house:
        with house.uow.across_institutions("all accounts of staff", read_only=True) as tx:
            records = house.at(tx).staff.all()
        waiting = house.sign_in.waiting([one.account for one in records])
        secured = house.second_factors.owners()
    for one in records:
        until = waiting.get(one.account.id)
        print_json(
            {
                "login": one.account.login,
                "role": one.account.role,
                "institution": one.account.institution_id,
                "division": one.account.division_code,
                "accepted": one.accepted,
                "disabled": one.disabled_at is not None,
                "second_factor": one.account.id in secured,
                "waits_until": None if until is None else rfc3339(until),
            }
        )


@staff.command("province-add", help="登记:省统一身份的用户标识 SUBJECT 可以登录账号 LOGIN(标识只存盲索引)。")
@click.argument("login")
@click.argument("subject")
def province_add_command(login: str, subject: str) -> None:
    """Let an identity of the province sign in to an account."""
    with opened_house() as house:
        account = _account(house, login)
        with house.uow.across_institutions("map a province's identity") as tx:
            print_json({"mapping": house.province_logins(tx).add(account, subject), "login": account.login})


@staff.command("province-list", help="列出可用省统一身份登录的账号(一行一个 JSON)。")
def province_list_command() -> None:
    """Print the mappings."""
    reason = "list the province's identities"
    with opened_house() as house, house.uow.across_institutions(reason, read_only=True) as tx:
        found = house.province_logins(tx).all()
    for one in found:
        used = None if one.used_at is None else rfc3339(one.used_at)
        print_json(
            {"mapping": one.id, "login": one.login, "added_at": rfc3339(one.added_at), "used_at": used}
        )


@staff.command("province-remove", help="移除一项登记 MAPPING;对应账号的所有登录立即退出。")
@click.argument("mapping")
def province_remove_command(mapping: str) -> None:
    """End a mapping, and the sessions that it may have begun."""
    with opened_house() as house, house.uow.across_institutions("unmap a province's identity") as tx:
        end_sessions_of_staff(tx, house.province_logins(tx).remove(mapping))
    click.echo("已移除。")


@staff.command("unlock", help="解除账号 LOGIN 因输错次数过多的等待。")
@click.argument("login")
def unlock_command(login: str) -> None:
    """Forget wrong tries."""
    with opened_house() as house:
        house.sign_in.unlock(_account(house, login))
    click.echo("已解除等待。")


@staff.command("invite", help="给账号 LOGIN 新的邀请链接;旧密码和所有登录立即失效。")
@click.argument("login")
def invite_command(login: str) -> None:
    """Print an invitation once."""
    with opened_house() as house:
        account = _account(house, login)
        with house.uow.across_institutions("invite somebody again") as tx:
            invitation = house.at(tx).staff.invite_again(account.id)
            end_sessions_of_staff(tx, account.id)
        click.echo(f"邀请 {login}(只显示一次):{house.settings.public_url}/invite/{invitation.token}")


@staff.command("disable", help="停用账号 LOGIN;所有登录立即退出。")
@click.argument("login")
def disable_command(login: str) -> None:
    """Shut an account."""
    with opened_house() as house:
        account = _account(house, login)
        with house.uow.across_institutions("shut an account") as tx:
            house.at(tx).staff.disable(account.id)
            end_sessions_of_staff(tx, account.id)
    click.echo("账号已停用。")


@staff.command(
    "reset-second-factor", help="清除账号 LOGIN 的两步验证(本人丢失了手机和恢复码);所有登录立即退出。"
)
@click.argument("login")
def reset_command(login: str) -> None:
    """Take away second factors."""
    with opened_house() as house:
        account = _account(house, login)
        with house.uow.across_institutions("take away lost second factors") as tx:
            reset(tx.session, account.id)
            end_sessions_of_staff(tx, account.id)
    click.echo("两步验证已清除。")


def _account(house: House, login: str) -> StaffAccount:
    with house.uow.across_institutions("whose account", read_only=True) as tx:
        return house.at(tx).staff.by_login(login.strip().lower())
