"""Pages of a list, told apart by a Link header (RFC 8288), as AGS 2.0 and NRPS 2.0 have it."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from plugins.simulators.demo_lms.access import Refused

MOST = 50
"""Entries a page, whatever the tool wishes."""


def page_of(
    entries: Sequence[Any],
    url: str,
    media_type: str,
    document: Callable[[list[Any]], Any],
    *,
    more_links: Sequence[str] = (),
) -> Response:
    """Return the page that the request asks for.

    Args:
        url: of the list, as the platform publishes it.
        document: makes the body of a page's entries.
        more_links: further Link values, on the last page alone.
    """
    size = min(_number("limit", MOST) or MOST, MOST)
    start = _number("from", 0)
    links: list[str] = []
    if start + size < len(entries):
        rest = {name: value for name, value in request.args.items() if name != "from"}
        links.append(f'<{url}?{urlencode({**rest, "from": start + size})}>; rel="next"')
    else:
        links.extend(more_links)
    reply = Response(json.dumps(document(list(entries[start : start + size])), ensure_ascii=False))
    reply.headers["Content-Type"] = media_type
    if links:
        reply.headers["Link"] = ", ".join(links)
    return reply


def _number(name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 6:
        raise Refused("invalid_request", name)
    return int(text)
