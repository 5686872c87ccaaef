"""Cases in which the token's claims are wrong, or odd but right: rows A1–A12, V1–V9, B4, B8–B15, B21, B22, C7."""

import json
from collections.abc import Callable
from typing import Any

from plugins.simulators.demo_lms.names import (
    AGS_ENDPOINT,
    CONTEXT,
    CUSTOM,
    DEPLOYMENT_ID,
    INSTITUTION,
    LAUNCH_PRESENTATION,
    LEARNER,
    MEMBERSHIP,
    MESSAGE_TYPE,
    RESOURCE_LINK,
    ROLES,
    SYSTEM,
    TARGET_LINK_URI,
    TEACHER,
    VERSION,
)
from plugins.simulators.demo_lms.rehearsal.answers import Right
from plugins.simulators.demo_lms.rehearsal.case import Case, Draft

REFUSE, AS_LEARNER, NO_LEARNER = Right.REFUSE, Right.LEARNER, Right.NO_LEARNER
_EVIL = "https://evil.example/"


def claims_case(id: str, title: str, right: Right = REFUSE, /, **claims: Any) -> Case:
    """A launch that is right but for these claims (None: left out)."""
    return Case(id, title, right, lambda draft: draft.changed(**claims))


def times_case(id: str, title: str, right: Right = REFUSE, /, **seconds: int | None) -> Case:
    """A launch whose times lie so many seconds from now (None: left out)."""
    return Case(id, title, right, lambda draft: draft.moved(**seconds))


def header_case(id: str, title: str, right: Right = REFUSE, /, **header: Any) -> Case:
    """A launch whose token's header is changed (None: left out)."""
    return Case(id, title, right, lambda draft: draft.headed(**header))


def payload_case(id: str, title: str, make: Callable[[Draft], bytes]) -> Case:
    """A correctly signed token with a payload that no platform should send."""
    return Case(id, title, REFUSE, lambda draft: draft.signer.sign(make(draft)))


def _audience(id: str, title: str, right: Right, make: Callable[[str], dict[str, Any]]) -> Case:
    return Case(id, title, right, lambda draft: draft.changed(**make(draft.claims["aud"])))


def _duplicate(draft: Draft) -> bytes:
    return draft.json()[:-1] + b', "sub": "rehearsal-learner-2"}'


def _twice_nested(draft: Draft) -> bytes:
    return draft.json()[:-1] + b', "x": ' + b"[" * 600 + b"]" * 600 + b"}"


A_CASES = (
    header_case("A1", "凭证头没有 kid", kid=None),
    header_case("A1.empty", "凭证头的 kid 为空", kid=""),
    header_case("A2", "kid 从未公布过", kid="rehearsal-no-such-key"),
    claims_case("A3", "版本写成 11.3", **{VERSION: "11.3"}),
    claims_case("A4", "没有版本", **{VERSION: None}),
    payload_case("A5", "内容不是 LTI 消息", lambda _: b'{"name": "badltilaunch"}'),
    claims_case(
        "A6",
        "受众、签发者、用户、部署、角色全缺",
        aud=None,
        iss=None,
        sub=None,
        **{DEPLOYMENT_ID: None, ROLES: None},
    ),
    claims_case("A6.aud", "没有受众", aud=None),
    claims_case("A7", "时间是 1970 年", iat=11111, exp=22222),
    claims_case("A8", "没有消息类型", **{MESSAGE_TYPE: None}),
    claims_case("A8.unknown", "没有人听说过的消息类型", **{MESSAGE_TYPE: "LtiSomethingElse"}),
    claims_case("A9", "没有角色", **{ROLES: None}),
    claims_case("A10", "没有部署编号", **{DEPLOYMENT_ID: None}),
    claims_case("A11", "没有课程入口", **{RESOURCE_LINK: None}),
    claims_case("A11.id", "课程入口没有编号", **{RESOURCE_LINK: {"title": "x"}}),
    claims_case("A12", "没有说明用户是谁", Right.NOT_AS_LEARNER, sub=None),
)

B_CASES = (
    claims_case("B4", "没有一次性随机数", nonce=None),
    claims_case("B4.empty", "一次性随机数为空", nonce=""),
    claims_case("B4.number", "一次性随机数是数字", nonce=7),
    times_case("B8.exp", "没有有效期", exp=None),
    times_case("B8.iat", "没有签发时间", iat=None),
    times_case("B9.past", "一分半钟前已过期", iat=-200, exp=-90),
    times_case("B9.past-in-leeway", "刚过期半分钟，属时钟误差", AS_LEARNER, iat=-120, exp=-30),
    times_case("B9.future", "一分半钟以后才签发", iat=90, exp=300),
    times_case("B9.future-in-leeway", "半分钟以后才签发，属时钟误差", AS_LEARNER, iat=30, exp=300),
    times_case("B9.nbf", "一分半钟以后才生效", nbf=90),
    times_case("B10", "签发于一年前，有效期还有十年", iat=-31_536_000, exp=315_360_000),
    claims_case("B11.aud", "签发给别的工具", aud="somebody"),
    _audience(
        "B11.no-azp",
        "签发给两个工具，没有说明授权给谁",
        REFUSE,
        lambda me: {"aud": [me, "somebody"], "azp": None},
    ),
    _audience("B11.azp", "授权给别的工具", REFUSE, lambda _: {"azp": "somebody"}),
    _audience("B11.odd", "受众中有数字", REFUSE, lambda me: {"aud": [me, 7]}),
    _audience("B11.object", "受众是对象", REFUSE, lambda me: {"aud": {me: 1}}),
    _audience(
        "B11.order",
        "本工具排在受众第二位，已说明授权",
        AS_LEARNER,
        lambda me: {"aud": ["somebody", me], "azp": me},
    ),
    _audience("B11.one-in-a-list", "受众是只有一项的列表", AS_LEARNER, lambda me: {"aud": [me], "azp": None}),
    claims_case("B12.mix-up", "签发者不是发起登录的平台", iss="https://other.example"),
    claims_case("B14.unknown", "部署编号没有登记", **{DEPLOYMENT_ID: "rehearsal-unknown"}),
    claims_case("B14.long", "部署编号超过 255 个字符", **{DEPLOYMENT_ID: "d" * 256}),
    claims_case("B14.number", "部署编号是数字", **{DEPLOYMENT_ID: 1}),
    claims_case("B15.missing", "没有课程链接", **{TARGET_LINK_URI: None}),
    Case(
        "B15.other",
        "课程链接与登录时说的不一样",
        REFUSE,
        lambda draft: draft.changed(**{TARGET_LINK_URI: draft.claims[TARGET_LINK_URI] + "/other"}),
    ),
    claims_case("B21.roles", "角色是字符串", **{ROLES: TEACHER[0]}),
    claims_case("B21.roles-object", "角色是对象", **{ROLES: {"0": TEACHER[0]}}),
    claims_case("B21.roles-mixed", "角色中有数字", **{ROLES: [1]}),
    claims_case("B21.link", "课程入口是字符串", **{RESOURCE_LINK: "entry"}),
    claims_case("B21.link-id", "课程入口编号是数字", **{RESOURCE_LINK: {"id": 7}}),
    claims_case("B21.custom", "自定义参数套了两层", **{CUSTOM: {"a": {"b": "c"}}}),
    claims_case("B21.context", "课程是列表", **{CONTEXT: ["demo-course-1"]}),
    claims_case("B21.sub", "用户编号是数字", sub=17),
    claims_case("B21.sub-long", "用户编号超过 255 个字符", sub="s" * 256),
    claims_case("B21.scope", "成绩服务权限是字符串", **{AGS_ENDPOINT: {"scope": "score"}}),
    claims_case("B21.presentation", "返回地址是列表", **{LAUNCH_PRESENTATION: {"return_url": ["x"]}}),
    claims_case("B21.iat-text", "签发时间是文字", iat="1700000000"),
    claims_case("B21.exp-huge", "有效期是天文数字", exp=1e300),
    payload_case("B22.twice", "同一个名称出现两次", _duplicate),
    payload_case(
        "B22.nan", "含有 NaN", lambda draft: json.dumps({**draft.claims, "x": float("nan")}).encode()
    ),
    payload_case(
        "B22.surrogate",
        "含有不成对的代理字符",
        lambda draft: json.dumps({**draft.claims, "name": "\ud800"}).encode(),
    ),
    payload_case(
        "B22.nul", "含有空字符", lambda draft: json.dumps({**draft.claims, "name": "a\x00b"}).encode()
    ),
    payload_case("B22.utf8", "不是 UTF-8", lambda draft: draft.json()[:-1] + b',"x":"\xff"}'),
    payload_case("B22.deep", "两万层括号", lambda _: b"[" * 20_000),
    payload_case("B22.nested", "内容套了六百层", _twice_nested),
    payload_case("B22.list", "内容是列表", lambda _: b"[]"),
    Case("B22.header", "凭证头不是 JSON", REFUSE, lambda _: "AAAA.e30.AAAA"),
    Case("B22.empty", "凭证的三段都是空的", REFUSE, lambda _: ".."),
    Case("B22.parts", "凭证有四段", REFUSE, lambda draft: draft.changed() + ".e30"),
    Case(
        "B22.large",
        "凭证有 3 MB",
        REFUSE,
        lambda draft: draft.changed(filler="x" * 2_300_000),
        may_hang_up=True,
    ),
)

C_CASES = (
    claims_case(
        "C7", "机构管理员同时是学员", AS_LEARNER, **{ROLES: [f"{INSTITUTION}Administrator", *LEARNER]}
    ),
    claims_case(
        "C7.alone",
        "只有机构教师和系统管理员角色",
        AS_LEARNER,
        **{ROLES: [f"{INSTITUTION}Instructor", f"{SYSTEM}SysAdmin"]},
    ),
    claims_case(
        "C7.sub-role",
        "教师的下级角色（批改员）",
        AS_LEARNER,
        **{ROLES: [MEMBERSHIP.replace("#", "/Instructor#") + "Grader"]},
    ),
)


def _valid(number: int, who: str, plain: list[str], short: str) -> Case:
    no_person: dict[str, Any] = {"email": None, "given_name": None, "family_name": None, "name": None}
    names = {"given_name": None, "family_name": None, "name": None}
    told: tuple[tuple[str, dict[str, Any]], ...] = (
        ("普通", {}),
        ("几个角色", {ROLES: [*plain, f"{MEMBERSHIP}Mentor", f"{INSTITUTION}Student"]}),
        ("角色用短名", {ROLES: [short]}),
        ("角色没有人认识", {ROLES: ["http://purl.imsglobal.org/vocab/lis/v2/unknown#Wizard"]}),
        ("角色为空", {ROLES: [""]}),
        ("只有邮箱", names),
        ("只有姓名", {"email": None, "phone_number": None, CUSTOM: None}),
        ("没有个人信息", {**no_person, "phone_number": None, CUSTOM: None}),
        ("有邮箱，没有课程", {CONTEXT: None}),
    )
    what, claims = told[number - 1]
    # V4 and V5 carry no role that is understood: a learner, never a teacher.
    right = AS_LEARNER if who == "student" or number in (4, 5) else NO_LEARNER
    person = "学员" if who == "student" else "教师"
    return claims_case(f"V{number}.{who}", f"正确的{person}进入：{what}", right, **{ROLES: plain, **claims})


V_CASES = tuple(
    case
    for number in range(1, 10)
    for case in (
        _valid(number, "student", LEARNER, "Learner"),
        _valid(number, "teacher", TEACHER, "Instructor"),
    )
)
