"""The page by which a browser carries a signed message to a platform, and to that platform alone."""

from flask import Response, make_response

from bridge.web.security import let_post_to
from lti.browser_pages import Doors, posting_page
from lti.registration import origin_of
from lti.tool import LtiTool
from lti.tool_messages import BrowserPost

_DEFAULT_PORTS = {"https": 443, "http": 80}


def platform_post(post: BrowserPost) -> Response:
    """Return the page that posts `post`; its forms may go to the origin of `post.url` and nowhere else."""
    scheme, host, port = origin_of(post.url)
    if ":" in host:
        host = f"[{host}]"
    let_post_to(f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}")
    doors = Doors(
        LtiTool.LOGIN_PATH, LtiTool.LAUNCH_PATH, LtiTool.BROWSER_PATH, f"{LtiTool.BASE_PATH}/static"
    )
    response = make_response(posting_page(post.url, {BrowserPost.FIELD: post.jwt}, doors))
    # Platforms look at the origin of what is posted to them; the address of our page is none of their business.
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
