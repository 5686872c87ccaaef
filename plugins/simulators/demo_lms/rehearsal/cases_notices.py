"""Row C10: notices that the tool must believe, and those that it must not, sent to where it asked for them."""

from collections.abc import Callable
from typing import Any

from plugins.simulators.demo_lms.names import DEPLOYMENT_ID, HELLO_NOTICE, MESSAGE_TYPE, NOTICE
from plugins.simulators.demo_lms.notices import handler_of, notice_claims
from plugins.simulators.demo_lms.rehearsal.answers import Answer, Right
from plugins.simulators.demo_lms.rehearsal.case import Case, Draft, Stage
from plugins.simulators.demo_lms.rehearsal.signing import RsaSigner, without_none


def _send(stage: Stage, tokens: list[Any]) -> Answer:
    url = handler_of(stage.desk, HELLO_NOTICE)
    if not url:
        return Answer(0, unproven="工具没有登记接收通知的地址")
    with stage.browser() as browser:
        return browser.post_json(url, {"notices": [{"jwt": token} for token in tokens]})


def _draft(stage: Stage) -> Draft:
    return Draft(notice_claims(stage.desk, HELLO_NOTICE), stage.signer(), stage.desk.epoch())


def _one(id: str, title: str, token: Callable[[Draft], str], right: Right = Right.REFUSE) -> Case:
    return Case(f"C10.{id}", title, right, flow=lambda stage: _send(stage, [token(_draft(stage))]))


def _claims(id: str, title: str, **claims: Any) -> Case:
    return _one(id, title, lambda draft: draft.changed(**claims))


def _many(number: int) -> Callable[[Stage], Answer]:
    return lambda stage: _send(stage, [_draft(stage).changed() for _ in range(number)])


def _twice(stage: Stage) -> Answer:
    """The same notice signed anew, as platforms do that try again: taken for known, not for wrong."""
    draft = _draft(stage)
    first = _send(stage, [draft.changed()])
    return _send(stage, [draft.changed(nonce="another-nonce")]) if first.accepted else first


def _as_launch(stage: Stage) -> Answer:
    """A notice is signed like a launch; it must let nobody in."""

    def token(draft: Draft) -> str:
        notice = notice_claims(stage.desk, HELLO_NOTICE)
        return draft.signer.sign(without_none({**notice, "nonce": draft.claims["nonce"]}))

    return stage.launch(token)


def _launch_as_notice(stage: Stage) -> Answer:
    return _send(stage, [stage.draft("nonce").changed()])


NOTICE_CASES = (
    _one("right", "正确的通知", lambda draft: draft.changed(), Right.NO_LEARNER),
    Case("C10.twice", "同一通知再送一次", Right.NO_LEARNER, flow=_twice),
    Case("C10.batch", "一次一百条通知", Right.NO_LEARNER, flow=_many(100)),
    Case("C10.too-many", "一次一百零一条通知", Right.REFUSE, flow=_many(101)),
    _one(
        "signature",
        "通知的签名是陌生人的",
        lambda draft: RsaSigner(draft.signer.kid, RsaSigner.new().key).sign(draft.claims),
    ),
    _claims("aud", "通知发给别的工具", aud="somebody", azp=None),
    _claims("iss", "通知的签发者是别的平台", iss="https://other.example"),
    _one("expired", "通知已过期", lambda draft: draft.moved(iat=-4000, exp=-400)),
    _claims("deployment", "通知的部署编号没有登记", **{DEPLOYMENT_ID: "rehearsal-unknown"}),
    _claims("empty", "凭证中没有通知", **{NOTICE: None}),
    _claims("mixed", "通知同时是进入消息", **{MESSAGE_TYPE: "LtiResourceLinkRequest"}),
    Case("C10.launch", "把进入凭证当作通知", Right.REFUSE, flow=_launch_as_notice),
    Case("C10.as-launch", "把通知当作进入凭证", Right.REFUSE, flow=_as_launch),
)
