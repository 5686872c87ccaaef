"""Cases in which more than the token is wrong: rows B1–B7, B12, B13, B15, B23, B24, C2, C3, C4."""

from collections.abc import Callable
from dataclasses import replace

from plugins.simulators.demo_lms.names import LAUNCH_PRESENTATION
from plugins.simulators.demo_lms.rehearsal.answers import Answer, Right
from plugins.simulators.demo_lms.rehearsal.case import Case, Stage, actor
from plugins.simulators.demo_lms.rehearsal.signing import RsaSigner

_EVIL = "https://evil.example/"
_FLOW_SECONDS = 601


def _not_the_first(answer: Answer) -> Answer:
    """Say that a case that needs a right launch first proved nothing, since that launch was refused."""
    return Answer(answer.status, answer.reason, unproven="前一次正确的进入没有被接受")


def _login(**changes: str | None) -> Callable[[Stage], Answer]:
    def play(stage: Stage) -> Answer:
        with stage.browser() as browser:
            stage.begin(browser, **changes)
            return Answer(302, note="应当在登录时拒绝，却开始了登录")

    return play


def _made_up_state(stage: Stage) -> Answer:
    with stage.browser() as browser:
        going = stage.begin(browser)
        return stage.finish(browser, "made-up", stage.draft(going.nonce).changed())


def _no_state(stage: Stage) -> Answer:
    with stage.browser() as browser:
        going = stage.begin(browser)
        return stage.send(browser, {"id_token": stage.draft(going.nonce).changed()})


def _other_browser(stage: Stage) -> Answer:
    with stage.browser() as victim, stage.browser() as thief:
        stage.begin(thief)  # has a binding of its own
        going = stage.begin(victim)
        return stage.finish(thief, going.state, stage.draft(going.nonce).changed())


def _no_cookie(stage: Stage) -> Answer:
    with stage.browser() as browser:
        going = stage.begin(browser)
        browser.forget_cookies()
        return stage.finish(browser, going.state, stage.draft(going.nonce).changed())


def _replay(stage: Stage) -> Answer:
    with stage.browser() as browser:
        going = stage.begin(browser)
        token = stage.draft(going.nonce).changed()
        first = stage.finish(browser, going.state, token)
        return stage.finish(browser, going.state, token) if first.accepted else _not_the_first(first)


def _after_failure(stage: Stage) -> Answer:
    with stage.browser() as browser:
        going = stage.begin(browser)
        stage.finish(browser, going.state, "not-a-token")
        return stage.finish(browser, going.state, stage.draft(going.nonce).changed())


def _used_nonce(stage: Stage) -> Answer:
    with stage.browser() as browser:
        first = stage.begin(browser)
        answer = stage.finish(browser, first.state, stage.draft(first.nonce).changed())
        if not answer.accepted:
            return _not_the_first(answer)
        second = stage.begin(browser)
        return stage.finish(browser, second.state, stage.draft(first.nonce, actor(2)).changed())


def _other_nonce(stage: Stage) -> Answer:
    with stage.browser() as browser:
        first, second = stage.begin(browser), stage.begin(browser)
        return stage.finish(browser, first.state, stage.draft(second.nonce).changed())


def _late(stage: Stage) -> Answer:
    with stage.browser() as browser:
        going = stage.begin(browser)
        stage.wait(_FLOW_SECONDS)
        return stage.finish(browser, going.state, stage.draft(going.nonce).changed())


def _stranger_as_platform(stage: Stage) -> Answer:
    return stage.launch(
        lambda draft: replace(draft, signer=RsaSigner(draft.signer.kid, RsaSigner.new().key)).changed()
    )


def _no_token(stage: Stage) -> Answer:
    with stage.browser() as browser:
        return stage.send(browser, {"state": stage.begin(browser).state})


def _by_post(stage: Stage) -> Answer:
    with stage.browser() as browser:
        going = stage.begin_by_form(browser)
        return stage.finish(browser, going.state, stage.draft(going.nonce).changed())


def _platform_says(error: str) -> Callable[[Stage], Answer]:
    def play(stage: Stage) -> Answer:
        with stage.browser() as browser:
            state = stage.begin(browser).state
            return stage.send(
                browser,
                {"state": state, "error": error, "error_description": "<script>alert(1)</script>"},
            )

    return play


def _planted_session(stage: Stage) -> Answer:
    """An attacker's own session is planted in the victim's browser; the launch must begin another."""
    with stage.browser() as attacker, stage.browser() as victim:
        begun = stage.begin(attacker)
        before = set(attacker.cookies())
        first = stage.finish(attacker, begun.state, stage.draft(begun.nonce, actor(2)).changed())
        planted = attacker.cookies()
        session = set(planted) - before
        if not session:
            return Answer(
                first.status, first.reason, first.location, unproven="工具没有给浏览器新的会话 Cookie"
            )
        victim.take_cookies(planted, stage.desk.lms.tool.login_url)
        answer = stage.right_launch(victim)
        now = victim.cookies()
        if answer.accepted and all(now.get(name) == planted[name] for name in session):
            return replace(answer, note="进入后沿用了攻击者事先放入的会话")
        return answer


def _two_tabs(stage: Stage) -> Answer:
    """Two logins in one browser, answered in the other order, by two people."""
    with stage.browser() as browser:
        first, second = stage.begin(browser), stage.begin(browser)
        other = stage.finish(browser, second.state, stage.draft(second.nonce, actor(2, "teacher")).changed())
        if not other.accepted:
            return other
        return stage.finish(browser, first.state, stage.draft(first.nonce).changed())


def _foreign_return(stage: Stage) -> Answer:
    answer = stage.launch(lambda draft: draft.changed(**{LAUNCH_PRESENTATION: {"return_url": _EVIL}}))
    return (
        replace(answer, note="把浏览器送到了平台以外的网址") if answer.location.startswith(_EVIL) else answer
    )


def _case(
    id: str, title: str, flow: Callable[[Stage], Answer], right: Right = Right.REFUSE, waits: int = 0
) -> Case:
    return Case(id, title, right, flow=flow, waits=waits)


FLOW_CASES = (
    _case("B1", "state 是编造的", _made_up_state),
    _case("B1.none", "没有 state", _no_state),
    _case("B2", "从另一个浏览器送来", _other_browser),
    _case("B2.no-cookie", "浏览器没有带回 Cookie", _no_cookie),
    _case("B3", "同一凭证再送一次（重放）", _replay),
    _case("B3.after-failure", "失败过的 state 再用一次", _after_failure),
    _case("B5", "用过的随机数，换一个用户", _used_nonce),
    _case("B6", "随机数属于另一次登录", _other_nonce),
    _case("B7", "登录十分钟以后才进入", _late, waits=_FLOW_SECONDS),
    _case("B12.unknown", "签发者没有登记", _login(iss="https://nobody.example")),
    _case("B12.stranger", "陌生人以平台的 kid 签名", _stranger_as_platform),
    _case("B13.login", "客户端编号没有登记", _login(client_id="rehearsal-unknown")),
    _case("B15.origin", "登录时的课程链接在别的网站", _login(target_link_uri=f"{_EVIL}unit-1")),
    _case("B22.no-token", "没有凭证", _no_token),
    _case("B23.issuer", "登录没有签发者", _login(iss=None)),
    _case("B23.hint", "登录没有用户提示", _login(login_hint=None)),
    _case("B23.target", "登录没有课程链接", _login(target_link_uri=None)),
    _case("B23.long", "登录参数过长", _login(login_hint="h" * 5000)),
    _case("B23.post", "以表单（POST）发起登录", _by_post, Right.LEARNER),
    _case("B24", "平台答复：用户没有登录", _platform_says("login_required")),
    _case("B24.other", "平台答复：其他错误，含有标记", _platform_says("<b>x</b>")),
    _case("C2", "攻击者事先放入的会话", _planted_session, Right.LEARNER),
    _case("C3", "同一浏览器，两个标签页，两个人", _two_tabs, Right.LEARNER),
    _case("C4.scheme", "课程链接是脚本", _login(target_link_uri="javascript:alert(1)")),
    _case(
        "C4.user", "课程链接以用户名冒充本站", _login(target_link_uri="https://tool.example@evil.example/")
    ),
    _case("C4.backslash", "课程链接含反斜线", _login(target_link_uri="https://tool.example\\@evil.example/")),
    _case("C4.return", "返回地址不属于平台", _foreign_return, Right.LEARNER),
)
