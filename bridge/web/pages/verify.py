"""The public verify page: whoever holds a paper (its number and code, or its file) sees what it says and is worth.

A wrong code and an unknown number get one and the same answer, found out by one and the same query.
"""

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from bridge.completion.paper_number import normalised, normalised_code
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.web.pages.verify_view import VerifyPage, by_file, by_number, read_upload
from bridge.web.security import rate_limited
from bridge.wiring import House
from bridge.wiring.credentials import credential_of
from bridge.wiring.paper_proof import prove_paper

_MAX_TYPED = 64


def verify_pages(house: House) -> Blueprint:
    """Return the blueprint of `/verify…`."""
    pages = Blueprint("verify", __name__, url_prefix="/verify")

    def asked(number: str = "", *, missing: bool = False, **more: object) -> AnyResponse:
        shown = render_template("verify/ask.html", typed=number, missing=missing, **more)
        return make_response(shown, 404 if missing else 200)

    def shown(view: VerifyPage, status: int = 200, **more: object) -> AnyResponse:
        return make_response(render_template("verify/show.html", page=view, view=view.view, **more), status)

    @pages.get("")
    @rate_limited("30 per minute", methods=("GET",))
    def ask() -> AnyResponse:
        typed = request.args.get("number", "").strip()[:_MAX_TYPED]
        code = request.args.get("code", "").strip()[:_MAX_TYPED]
        if not typed:
            return asked()
        number = normalised(typed)
        if number is None:
            return asked(missing=True)
        return redirect(
            url_for("verify.show", number=number, code=normalised_code(code) or code or None), code=303
        )

    @pages.post("")
    @rate_limited("10 per minute")
    def take_file() -> AnyResponse:
        content = read_upload()
        if not content:
            return make_response(render_template("verify/ask.html", typed="", missing=False, empty=True), 422)
        view = by_file(house, content)
        if view is not None:
            return shown(view, same=True)
        try:
            found = house.signatures_of(content)
        except InvalidInput as refused:
            return make_response(
                render_template("verify/ask.html", typed="", missing=False, wrong=refused.message), 422
            )
        return make_response(
            render_template("verify/stranger.html", found=found, sha256=sha256_hex(content)), 404
        )

    @pages.get("/<number>", defaults={"code": ""})
    @pages.get("/<number>/<code>")
    @rate_limited("30 per minute", methods=("GET",))
    def show(number: str, code: str) -> AnyResponse:
        known = normalised(number[:_MAX_TYPED])
        if known is not None and not code:
            return asked(known)
        view = by_number(house, number[:_MAX_TYPED], code[:_MAX_TYPED])
        return asked(missing=True) if view is None else shown(view, same=None)

    @pages.post("/<number>/<code>")
    @rate_limited("10 per minute")
    def compare(number: str, code: str) -> AnyResponse:
        view = by_number(house, number[:_MAX_TYPED], code[:_MAX_TYPED])
        if view is None:
            return asked(missing=True)
        content = read_upload()
        if not content:
            return shown(view, 422, same=None, empty=True)
        return shown(view, same=sha256_hex(content) == view.view.sha256)

    @pages.get("/<number>/<code>/proof.json")
    @rate_limited("10 per minute", methods=("GET",))
    def proof(number: str, code: str) -> AnyResponse:
        view = by_number(house, number[:_MAX_TYPED], code[:_MAX_TYPED])
        if view is None:
            return asked(missing=True)
        answer = make_response(prove_paper(house, view.institution, view.view.number))
        answer.mimetype = "application/json"
        answer.headers["Content-Disposition"] = f'attachment; filename="{view.view.number}-proof.json"'
        return answer

    @pages.get("/<number>/<code>/credential.jwt")
    @rate_limited("10 per minute", methods=("GET",))
    def credential(number: str, code: str) -> AnyResponse:
        view = by_number(house, number[:_MAX_TYPED], code[:_MAX_TYPED])
        if view is None:
            return asked(missing=True)
        answer = make_response(credential_of(house, view.institution, view.view.number))
        answer.mimetype = "application/vc+jwt"
        answer.headers["Content-Disposition"] = f'attachment; filename="{view.view.number}.jwt"'
        return answer

    return pages
