"""A furnished house that Chromium visits, and a small LMS that launches and takes what is posted back to it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from bridge.presence.face import FaceObservation
from bridge.settings import ROOT
from tests.lti.served import served
from tests.presence.pictures import PACK, PictureEngine, picture
from tests.servers.children import free_port
from tests.web.furnished import LMS
from tests.web.lms import NONE, Claims, Lms, lms_of_ready_learners


class EveryFace(PictureEngine):
    """Takes whatever the camera shows for the learner: the browser's camera shows a pattern. It recognises nobody.

    A pattern shows no movement either: `SEES_NO_MOVEMENT` stands in the place of the house's pack.
    """

    def observe(self, jpeg: bytes) -> FaceObservation:
        return super().observe(picture("0"))


SEES_NO_MOVEMENT = replace(PACK, movement=None)


class _Told(Lms):
    """Keeps the claims of a launch instead of launching."""

    def __init__(self, lms: Lms) -> None:
        super().__init__(lms.furnished, lms.platform)
        self.claims: dict[str, Any] = {}

    def launch(self, client: Any, claims: Claims = NONE) -> Any:
        self.claims = dict(claims)


class LmsVisit:
    """A running house with its worker, the LMS that a browser plays, and what the browser complained of."""

    lms: Lms

    def __init__(self, url: str, browser: Browser) -> None:
        self.url, self._browser = url, browser
        self.complaints: list[str] = []
        self.posted: list[tuple[str, dict[str, str]]] = []
        self._claims: dict[str, Any] = {}

    def context(self, width: int = 390) -> BrowserContext:
        made = self._browser.new_context(viewport={"width": width, "height": 844})
        made.grant_permissions(["camera"], origin=self.url)
        made.on("page", self._listen)
        return made

    def launch(self, context: BrowserContext, send: Callable[..., Any], *args: Any, **named: Any) -> Page:
        """Launch in a new page of the browser, by the message that `send`, a method of `Lms`, sends."""
        # `send` says what the LMS would sign; here the browser carries it.
        told = _Told(self.lms)
        getattr(told, send.__name__)(None, *args, **named)
        self._claims = told.claims
        page = context.new_page()
        page.goto(f"{self.url}/lti/login?{urlencode(self.lms.platform.login_params())}")
        page.wait_for_load_state("networkidle")
        return page

    def _listen(self, page: Page) -> None:
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Be the LMS: answer a login with a launch, and take everything else with a page of one word."""
        request = Request(environ)
        body = "<!doctype html><title>LMS</title><h1>LMS</h1>"
        if request.path == "/lti/auth":
            body = self._launch_form(request.values)
        elif request.path == "/lti/jwks":
            body = json.dumps(self.lms.platform.jwks)
        elif request.method == "POST":
            self.posted.append((request.path, request.form.to_dict()))
        return Response(body, content_type="text/html; charset=utf-8")(environ, start_response)

    def _launch_form(self, asked: Any) -> str:
        said = json.loads(json.dumps(self.lms.said(self._claims)).replace(LMS, self.lms.platform.issuer))
        token = self.lms.platform.token(asked["nonce"], **said)
        fields = {"id_token": token, "state": asked["state"]}
        form = "".join(f'<input name="{n}" value="{escape(v)}">' for n, v in fields.items())
        return (
            f'<!doctype html><form method="post" action="{escape(asked["redirect_uri"])}">{form}</form>'
            "<script>document.forms[0].submit()</script>"
        )


@contextmanager
def lms_visit(folder: Path, browser: Browser) -> Iterator[LmsVisit]:
    """Give a house in `folder` with two ready learners, served with its worker until the block ends."""
    port = free_port()
    visit = LmsVisit(f"http://127.0.0.1:{port}", browser)
    over = threading.Event()
    with served(visit) as origin:
        lms = lms_of_ready_learners(folder, assets=ROOT / "var" / "assets", port=port, lms=origin)
        lms.furnished.house.__dict__["engine_for_faces"] = EveryFace()
        lms.furnished.house.__dict__["face_pack"] = SEES_NO_MOVEMENT
        visit.lms = lms

        def work() -> None:
            while not over.wait(0.05):
                lms.furnished.work_off()

        server = make_server("127.0.0.1", port, lms.furnished.app, threaded=True, request_handler=_Quiet)
        threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=work)]
        for thread in threads:
            thread.start()
        try:
            yield visit
        finally:
            over.set()
            server.shutdown()
            for thread in threads:
                thread.join()
            server.server_close()
            lms.furnished.house.close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        return
