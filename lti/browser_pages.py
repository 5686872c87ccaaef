"""The three small pages that stand between two redirects: plain HTML, no inline script, everything escaped.

`lti/static/browser.js` works on them. A login page finds out what binds the browser; a launch page brings the
platform's storage to the launch; a posting page carries a signed message to the platform.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from lti.oidc import LoginRedirect, PlatformStorage

STORED = "lti_storage_value"
"""The form field that carries what the platform's storage kept."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Paths of the adapter that the pages use."""

    login: str
    launch: str
    probe: str
    static: str


_STORED_ID = ' id="lti-stored"'
_WAIT = "正在进入课程，请稍候…"
_NOSCRIPT = "<noscript><p>请在浏览器设置中允许 JavaScript，然后重新打开课程。</p></noscript>"


def login_page(going: LoginRedirect, params: Mapping[str, str], doors: Doors) -> str:
    """Return the page that tries cookie, platform storage and, with a click, a new window."""
    marks = {
        "step": "login",
        "authorise": going.url,
        "state": going.state,
        "probe": doors.probe,
        **_storage_marks(going.storage),
    }
    again = f"{doors.login}?{urlencode(params)}"
    body = (
        f'<p id="lti-say" role="status">{_WAIT}</p>'
        '<div data-for="new-window" hidden><h1>请在新窗口中打开课程</h1>'
        "<p>当前浏览器不允许嵌入的页面保存登录状态。点击下面的按钮，课程会在新窗口中打开，学习记录不受影响。</p>"
        # A link, not a form: a policy on forms would also hold back the redirect to the platform that follows.
        f'<a id="lti-open" class="go" data-testid="lti-go" target="_blank" rel="noopener" href="{escape(again)}">'
        "在新窗口中打开</a></div>"
        '<div data-for="opened" hidden><h1>已在新窗口中打开</h1><p>请到新窗口继续学习；本页可以关闭。</p></div>'
    )
    return _page(marks, body, doors)


def launch_page(form: Mapping[str, str], storage: PlatformStorage, doors: Doors) -> str:
    """Return the page that asks the platform's storage for what binds the browser, then posts the launch anew.

    A frame that refuses cookies could keep no session either, so the launch goes on in a window of its own.
    """
    marks = {"step": "launch", **_storage_marks(storage)}
    fields = {**form, STORED: ""}
    body = (
        f'<p id="lti-say" role="status">{_WAIT}</p>'
        '<div data-for="continue" hidden><h1>身份已确认</h1>'
        "<p>当前浏览器不允许嵌入的页面保存登录状态，请在新窗口中继续。</p>"
        f"{_form(doors.launch, fields, '继续学习', blank=True)}</div>"
        '<div data-for="opened" hidden><h1>已在新窗口中打开</h1><p>请到新窗口继续学习；本页可以关闭。</p></div>'
        '<div data-for="failed" hidden><h1>没有成功</h1>'
        "<p>无法确认是同一个浏览器发起的登录。请返回学习平台，选择在新窗口中打开课程。</p></div>"
    )
    return _page(marks, body, doors)


def posting_page(action: str, fields: Mapping[str, str], doors: Doors) -> str:
    """Return the page that posts `fields` to the platform at once, by a click where no script runs."""
    body = f'<p id="lti-say" role="status">正在返回学习平台…</p>{_form(action, fields, "返回学习平台", blank=False)}'
    return _page({"step": "post"}, body, doors)


def _storage_marks(storage: PlatformStorage | None) -> dict[str, str]:
    if storage is None:
        return {}
    marks = {
        "storage-target": storage.target,
        "storage-origin": storage.origin,
        "storage-key": storage.key,
    }
    return marks if storage.value is None else {**marks, "storage-value": storage.value}


def _form(action: str, fields: Mapping[str, str], label: str, *, blank: bool) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}"{_STORED_ID if name == STORED else ""}>'
        for name, value in fields.items()
    )
    window = ' target="_blank"' if blank else ""
    return (
        f'<form id="lti-form" method="post" action="{escape(action)}"{window}>{hidden}'
        f'<button type="submit" data-testid="lti-go">{label}</button></form>'
    )


def _page(marks: Mapping[str, str], body: str, doors: Doors) -> str:
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in marks.items())
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>进入课程</title>'
        f'<link rel="stylesheet" href="{escape(doors.static)}/browser.css"></head>'
        f'<body><main id="lti-browser"{data}>{body}{_NOSCRIPT}</main>'
        f'<script src="{escape(doors.static)}/browser.js"></script></body></html>'
    )
