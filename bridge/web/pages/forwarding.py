"""How far the institution's own LRS has the statements; staff pause, resume and retry. Only an operator names it."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, abort, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.intake.forwarding import NEEDS_TWO, Forward, Forwarding
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_SENTENCES: Mapping[str, str] = {
    NEEDS_TWO: "陈述使用了 xAPI 2.0 才有的内容，机构的 LRS 只支持 1.0.3",
    "address_refused": "LRS 的地址在内网，运营方没有允许连接",
    "certificate_refused": "LRS 的证书不被信任",
    "host_not_found": "找不到 LRS 的主机名",
    "lrs_answered_401": "LRS 不接受保存的 key 或 secret",
    "lrs_answered_403": "保存的 key 在 LRS 中没有写入权限",
    "lrs_answered_404": "LRS 地址下没有 statements",
    "lrs_answered_429": "LRS 要求稍后再发",
    "platform_slow": "LRS 没有在规定时间内回答",
    "platform_unreachable": "连接不上 LRS",
    "redirect_refused": "LRS 要求转到别的地址，未跟随",
}


@dataclass(frozen=True, slots=True)
class ForwardView:
    """What the page shows; `refused` by the reason's sentence."""

    forward: Forward
    behind_minutes: int
    failure: str
    refused: Mapping[str, int]


def forwarding_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/forwarding`."""
    pages = Blueprint("forwarding", __name__, url_prefix="/institution/forwarding")

    @pages.get("")
    @require_role("institution", "administrator")
    def show() -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution(), read_only=True) as tx:
            forward = Forwarding(tx, house.cipher).get()
        view = None if forward is None else _view(house, forward)
        return make_response(render_template("institution/forwarding.html", view=view))

    @pages.post("/<step>")
    @require_role("institution", "administrator")
    @rate_limited("60 per hour")
    def change(step: str) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution()) as tx:
            forwarding = Forwarding(tx, house.cipher)
            if step in ("pause", "resume"):
                forwarding.pause(step == "pause")
                flash(
                    _("已暂停，陈述保留在安学桥。") if step == "pause" else _("已恢复，接着上次的位置转发。")
                )
            elif step == "retry":
                flash(
                    _("将重发被拒绝的 %(count)d 条，稍后刷新本页可见结果。", count=forwarding.retry_refused())
                )
            else:
                abort(404)
        return redirect(url_for("forwarding.show"), code=303)

    return pages


def _view(house: House, forward: Forward) -> ForwardView:
    since = forward.behind_since
    behind = 0 if since is None else (house.clock.now() - since).total_seconds()
    return ForwardView(
        forward=forward,
        behind_minutes=max(0, int(behind // 60)),
        failure=_sentence(forward.reason) if forward.reason else "",
        refused={_sentence(reason): count for reason, count in sorted(forward.refused.items())},
    )


def _sentence(reason: str) -> str:
    return _SENTENCES.get(reason, f"LRS 没有接受（{reason}）")
