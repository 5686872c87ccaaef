"""`./anxue lti …`: the operator's way to register, approve, test, rotate and move platforms."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import click

from bridge.kernel.ids import RegistrationId
from bridge.kernel.json_line import print_json
from bridge.registry.lti_model import Platform
from bridge.registry.lti_office import PlatformOffice, PlatformStaff, ToolValues
from bridge.registry.lti_wording import (
    ADDRESS_ZH,
    DEPLOYMENT_STATUS_ZH,
    KEY_STATE_ZH,
    STEP_ZH,
    beijing,
    status_words,
    warning_sentence,
)

OpenOffice = Callable[[], AbstractContextManager[PlatformOffice]]
Command = Callable[..., None]

_json = click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
_by = click.option(
    "--by", default="operator", show_default=True, metavar="REF", help="操作人编号(写入记录,不写姓名)。"
)
_id = click.argument("registration", metavar="ID")


def lti_commands(open_office: OpenOffice) -> click.Group:
    """Return the click group `lti`; each command opens its own office and closes it."""
    group = click.Group("lti", help="登记和管理学习平台(LTI 1.3)。")
    for add in (_registering, _deciding, _rotating, _moving, _looking):
        add(group, open_office)
    return group


def _registering(group: click.Group, open_office: OpenOffice) -> None:
    @group.command("register", help="登记一个学习平台,并打印要填入学习平台的地址和回调密钥(只显示一次)。")
    @click.option("--issuer", required=True, help="平台标识,如 https://moodle.example.cn。")
    @click.option("--client-id", required=True, help="学习平台给出的客户端编号。")
    @click.option("--auth-login-url", default="", help="身份验证请求地址。")
    @click.option("--token-url", default="", help="访问令牌地址。")
    @click.option("--jwks-url", default="", help="公钥集地址。")
    @click.option("--moodle", is_flag=True, help="Moodle:上面三个地址按平台标识补全。")
    @click.option("--deployment-id", multiple=True, help="部署编号(可多次使用);不写则首次进入后在这里批准。")
    @click.option(
        "--allow-private-host", multiple=True, metavar="HOST", help="允许访问的内网主机(可多次使用)。"
    )
    @click.option("--institution", metavar="ID", help="机构编号;只有一家机构时可以不写。")
    @click.option("--name", default="", help="显示的名称,默认为主机名。")
    @click.option("--algorithm", default="", help="签名算法,默认 RS256。")
    @click.option("--page-origin", default="", help="学习平台网页的来源,默认与身份验证地址相同。")
    @click.option("--token-audience", default="", help="令牌请求的 aud,默认为令牌地址。")
    @click.option("--service-origin", multiple=True, help="成绩、名单服务所在的其他来源(可多次使用)。")
    @click.option("--anonymous", is_flag=True, help="接受没有账号的进入。")
    @click.option("--demo", is_flag=True, help="演示登记(本机 http),只能在演示模式使用。")
    @_by
    @_json
    def register(institution: str | None, by: str, as_json: bool, **typed: Any) -> None:
        fields = {
            "name": typed["name"],
            "issuer": typed["issuer"],
            "client_id": typed["client_id"],
            "auth_login_url": typed["auth_login_url"],
            "auth_token_url": typed["token_url"],
            "jwks_url": typed["jwks_url"],
            "algorithm": typed["algorithm"],
            "deployment_id": " ".join(typed["deployment_id"]),
            "private_hosts": " ".join(typed["allow_private_host"]),
            "allowed_origin": typed["page_origin"],
            "token_audience": typed["token_audience"],
            "service_origins": " ".join(typed["service_origin"]),
            "anonymous_allowed": "on" if typed["anonymous"] else "",
            "moodle": "on" if typed["moodle"] else "",
            "demo": "on" if typed["demo"] else "",
        }
        with open_office() as office:
            registered = office.register(PlatformStaff(by, None), institution, fields)
            values = office.values(registered.platform.id)
        facts = {**_as_json(registered.platform, values), "webhook_secret": registered.webhook_secret}
        lines = [
            f"已登记 {registered.platform.name}({registered.platform.id})。",
            "请在学习平台填写:",
            *_values(values),
            f"  回调密钥(只显示一次)  {registered.webhook_secret}",
        ]
        _print(as_json, facts, lines)

    @group.command("invite", help="生成一次性登记链接:粘贴到学习平台,由学习平台自动登记(三天内有效)。")
    @click.option("--institution", metavar="ID", help="机构编号;只有一家机构时可以不写。")
    @click.option(
        "--allow-private-host", multiple=True, metavar="HOST", help="允许访问的内网主机(可多次使用)。"
    )
    @click.option("--issuer", default="", help="托管平台共用的 issuer;其配置地址可以在另一网站。")
    @_by
    @_json
    def invite(
        institution: str | None, allow_private_host: tuple[str, ...], issuer: str, by: str, as_json: bool
    ) -> None:
        with open_office() as office:
            link = office.invite(
                PlatformStaff(by, None),
                institution,
                private_hosts=" ".join(allow_private_host),
                issuer=issuer,
            )
        until = link.invitation.expires_at
        facts = {"url": link.url, "invitation": link.invitation.id, "expires_at": until.isoformat()}
        _print(as_json, facts, [f"登记链接(只显示一次,{beijing(until)} 前有效,用过即失效):", link.url])


def _deciding(group: click.Group, open_office: OpenOffice) -> None:
    def decide(status: Any, done: str) -> Command:
        def command(registration: str, deployment: str, by: str, as_json: bool) -> None:
            with open_office() as office:
                staff = PlatformStaff(by, None)
                office.decide(staff, RegistrationId(registration), deployment, status)
                platform = office.platform(staff, RegistrationId(registration))
            _print(as_json, _as_json(platform), [f"{done}部署 {deployment}。"])

        return command

    deployment = click.argument("deployment", metavar="DEPLOYMENT")
    for name, status, done, words in (
        ("approve", "approved", "已批准", "批准一个部署,下一次进入即可通过。"),
        ("refuse", "refused", "已拒绝", "拒绝一个部署。"),
    ):
        command = group.command(name, help=words)
        command(_id(deployment(_by(_json(decide(status, done))))))

    def set_enabled(enabled: bool) -> Command:
        def command(registration: str, by: str, as_json: bool) -> None:
            with open_office() as office:
                staff = PlatformStaff(by, None)
                office.set_enabled(staff, RegistrationId(registration), enabled=enabled)
                platform = office.platform(staff, RegistrationId(registration))
            _print(as_json, _as_json(platform), [f"{platform.name}:{status_words(platform)}。"])

        return command

    group.command("disable", help="停用一个平台:进入、回调和学习会话都不再接受。")(
        _id(_by(_json(set_enabled(False))))
    )
    group.command("enable", help="重新启用一个平台。")(_id(_by(_json(set_enabled(True)))))

    @group.command("allow-host", help="设定可以为这个平台访问的内网主机;不写主机则全部取消。")
    @_id
    @click.argument("hosts", metavar="[HOST]...", nargs=-1)
    @_by
    @_json
    def allow_host(registration: str, hosts: tuple[str, ...], by: str, as_json: bool) -> None:
        with open_office() as office:
            staff = PlatformStaff(by, None)
            office.allow_private_hosts(staff, RegistrationId(registration), " ".join(hosts))
            platform = office.platform(staff, RegistrationId(registration))
        _print(
            as_json, _as_json(platform), [f"内网主机:{'、'.join(sorted(platform.private_hosts)) or '无'}。"]
        )


def _rotating(group: click.Group, open_office: OpenOffice) -> None:
    @group.command("rotate-key", help="更换本系统的签名密钥:新密钥先公布、后启用,旧密钥继续公布一段时间。")
    @click.option("--at-once", is_flag=True, help="密钥泄露时:立即停用所有旧密钥。")
    @_by
    @_json
    def rotate_key(at_once: bool, by: str, as_json: bool) -> None:
        with open_office() as office:
            staff = PlatformStaff(by, None)
            made = office.rotate_tool_key(staff, at_once=at_once)
            states = office.tool_keys(staff)
        facts = {
            "kid": made.kid,
            "signs_from": made.signs_from.isoformat(),
            "keys": [
                {
                    "kid": one.term.kid,
                    "state": one.state.value,
                    "signs_from": one.term.signs_from.isoformat(),
                    "published_until": one.term.published_until and one.term.published_until.isoformat(),
                }
                for one in states
            ],
        }
        lines = [f"新密钥 {made.kid} 自 {beijing(made.signs_from)} 起签名。"]
        lines += [f"  {one.term.kid}  {KEY_STATE_ZH[one.state.value]}" for one in states]
        _print(as_json, facts, lines)

    @group.command("rotate-secret", help="更换回调密钥(新密钥只显示一次),七天内新旧密钥都接受。")
    @_id
    @click.option("--finish", is_flag=True, help="结束过渡:不再接受旧密钥。")
    @_by
    @_json
    def rotate_secret(registration: str, finish: bool, by: str, as_json: bool) -> None:
        staff, secret = PlatformStaff(by, None), None
        with open_office() as office:
            if finish:
                office.finish_secret_rotation(staff, RegistrationId(registration))
            else:
                secret = office.rotate_secret(staff, RegistrationId(registration))
            platform = office.platform(staff, RegistrationId(registration))
        until = platform.old_secret_until
        facts = {
            **_as_json(platform),
            **({} if secret is None else {"webhook_secret": secret}),
        }
        lines = ["已结束过渡,只接受当前密钥。"]
        if secret is not None and until is not None:
            lines = [f"新的回调密钥(只显示一次):{secret}", f"旧密钥在 {beijing(until)} 前仍然接受。"]
        _print(as_json, facts, lines)


def _moving(group: click.Group, open_office: OpenOffice) -> None:
    @group.command("move", help="平台搬迁:换平台标识和地址,登记编号、账号和学员不变;旧地址不再接受。")
    @_id
    @click.option("--issuer", default="", help="新的平台标识;原标识之下的地址随之改变。")
    @click.option("--client-id", default="", help="新的客户端编号(通常不变)。")
    @click.option("--auth-login-url", default="", help="新的身份验证请求地址。")
    @click.option("--token-url", "auth_token_url", default="", help="新的访问令牌地址。")
    @click.option("--jwks-url", default="", help="新的公钥集地址。")
    @click.option("--page-origin", "allowed_origin", default="", help="新的网页来源。")
    @click.option(
        "--service-origin", multiple=True, help="成绩、名单服务所在的其他来源(可多次使用,全部写上)。"
    )
    @click.option("--reason", default="", help="迁移原因(写入记录)。")
    @click.option("--yes", is_flag=True, help="执行;不写则只预览。")
    @_by
    @_json
    def move(
        registration: str,
        service_origin: tuple[str, ...],
        reason: str,
        yes: bool,
        by: str,
        as_json: bool,
        **typed: str,
    ) -> None:
        staff, platform_id = PlatformStaff(by, None), RegistrationId(registration)
        typed["service_origins"] = " ".join(service_origin)
        with open_office() as office:
            preview = office.preview_move(staff, platform_id, typed)
            if yes:
                office.move(staff, platform_id, typed, reason=reason)
        facts = {
            "id": registration,
            "moved": yes,
            "changes": [{"field": name, "from": old, "to": new} for name, old, new in preview.changes],
        }
        lines = [f"  {ADDRESS_ZH[name]}:{old} → {new}" for name, old, new in preview.changes]
        done = "已迁移。" if yes else "以上是预览;加 --yes --reason 原因 执行。"
        _print(as_json, facts, [preview.platform.name, *(lines or ["  没有变化"]), done])

    @group.command("undo-move", help="撤销最近一次搬迁。")
    @_id
    @_by
    @_json
    def undo_move(registration: str, by: str, as_json: bool) -> None:
        with open_office() as office:
            undone = office.undo_move(PlatformStaff(by, None), RegistrationId(registration))
        facts = {"id": registration, "issuer": undone.after.issuer, "undo_of": undone.undo_of}
        _print(as_json, facts, [f"已撤销,平台标识回到 {undone.after.issuer}。"])


def _looking(group: click.Group, open_office: OpenOffice) -> None:
    @group.command("list", help="列出已登记的学习平台。")
    @click.option("--institution", metavar="ID", help="只列这家机构的。")
    @_json
    def list_platforms(institution: str | None, as_json: bool) -> None:
        with open_office() as office:
            found = [
                one
                for one in office.platforms(PlatformStaff("operator", None))
                if institution in (None, one.institution_id)
            ]
        lines = [
            f"{one.id}  {one.institution_id}  {status_words(one)}"
            f"{f'  {len(one.waiting)} 个部署待批准' if one.waiting else ''}  {one.name}  {one.addresses.issuer}"
            for one in found
        ]
        _print(as_json, {"platforms": [_as_json(one) for one in found]}, lines or ["还没有登记学习平台。"])

    @group.command("show", help="查看一个平台:地址、部署、提醒、搬迁,和要填入学习平台的值。")
    @_id
    @_json
    def show(registration: str, as_json: bool) -> None:
        with open_office() as office:
            platform = office.platform(PlatformStaff("operator", None), RegistrationId(registration))
            values = office.values(platform.id)
        _print(as_json, _as_json(platform, values), _told(platform, values))

    @group.command("test", help="测试连接:公钥、时钟、令牌、成绩服务、成员名单,并用文字说明原因。")
    @_id
    @_json
    def test(registration: str, as_json: bool) -> None:
        with open_office() as office:
            found = office.test_connection(PlatformStaff("operator", None), RegistrationId(registration))
        good = all(one.ok or one.warning for one in found)
        facts = {
            "id": registration,
            "ok": good,
            "findings": [
                {
                    "step": one.step,
                    "ok": one.ok,
                    "warning": one.warning,
                    "reason": one.reason,
                    "message": one.message_zh,
                }
                for one in found
            ],
        }
        marks = {(True, False): "通过", (False, True): "注意"}
        lines = [
            f"{marks.get((one.ok, one.warning), '不通')}  {STEP_ZH[one.step]}  {one.message_zh}"
            for one in found
        ]
        _print(as_json, facts, lines)
        if not good:
            raise SystemExit(1)


def _values(values: ToolValues) -> list[str]:
    rows = [
        ("登录发起地址", values.login_url),
        ("启动地址(重定向地址)", values.launch_url),
        ("公钥集地址", values.jwks_url),
        ("深层链接地址", values.deep_linking_url),
        ("回调地址(插件)", values.webhook_url),
    ]
    return [f"  {label}  {value}" for label, value in rows if value]


def _told(platform: Platform, values: ToolValues) -> list[str]:
    addresses = platform.addresses.to_json()
    shown = {name: "、".join(one) if isinstance(one, list) else one for name, one in addresses.items()}
    return [
        f"{platform.name}({platform.id})  {platform.institution_id}  {status_words(platform)}",
        *(f"  {ADDRESS_ZH[name]}  {value}" for name, value in shown.items() if value),
        *(f"  部署 {one.deployment_id}  {DEPLOYMENT_STATUS_ZH[one.status]}" for one in platform.deployments),
        *(f"  注意 {warning_sentence(one)}" for one in platform.warnings),
        *(
            f"  搬迁 {beijing(one.moved_at)}  {one.before.issuer} → {one.after.issuer}  {one.reason}"
            for one in platform.moves
        ),
        "填入学习平台的值:",
        *_values(values),
    ]


def _as_json(platform: Platform, values: ToolValues | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": platform.id,
        "institution": platform.institution_id,
        "name": platform.name,
        "status": platform.status,
        **platform.addresses.to_json(),
        "algorithm": platform.algorithm,
        "demo": platform.demo,
        "private_hosts": sorted(platform.private_hosts),
        "anonymous_allowed": platform.anonymous_allowed,
        "first_launch_at": platform.first_launch_at and platform.first_launch_at.isoformat(),
        "old_secret_until": platform.old_secret_until and platform.old_secret_until.isoformat(),
        "deployments": [
            {"deployment_id": one.deployment_id, "status": one.status, "decided_by": one.decided_by}
            for one in platform.deployments
        ],
        "warnings": [
            {"kind": one.kind, "count": one.count, "last_at": one.last_at.isoformat()}
            for one in platform.warnings
        ],
        "moves": [
            {
                "from": one.before.issuer,
                "to": one.after.issuer,
                "moved_at": one.moved_at.isoformat(),
                "moved_by": one.moved_by,
                "reason": one.reason,
                "undo": one.undo_of is not None,
            }
            for one in platform.moves
        ],
    }
    if values is not None:
        shown["values"] = {name: getattr(values, name) for name in ToolValues.__slots__}
    return shown


def _print(as_json: bool, facts: dict[str, Any], lines: Sequence[str]) -> None:
    if as_json:
        print_json(facts)
        return
    for line in lines:
        click.echo(line)
