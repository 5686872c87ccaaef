"""The public verify page: whoever holds a paper's number sees what it says, and may compare its file."""

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from bridge.completion.model import PublicView
from bridge.completion.paper_number import normalised
from bridge.kernel.canonical import sha256_hex
from bridge.web.security import rate_limited
from bridge.wiring import House

_MAX_TYPED = 64


def verify_pages(house: House) -> Blueprint:
    """Return the blueprint of `/verify…`."""
    pages = Blueprint("verify", __name__, url_prefix="/verify")

    def find(typed: str) -> PublicView | None:
        number = normalised(typed[:_MAX_TYPED])
        if number is None:
            return None
        with house.uow.across_institutions("who issued the paper", read_only=True) as tx:
            issuer = house.at(tx).completion_store.institution_of(number)
        if issuer is None:
            return None
        with house.uow.for_institution(issuer) as tx:
            return house.at(tx).completion.public_view(number)

    def unknown(typed: str) -> AnyResponse:
        return make_response(render_template("verify/ask.html", typed=typed[:_MAX_TYPED], missing=True), 404)

    @pages.get("")
    @rate_limited("30 per minute", methods=("GET",))
    def ask() -> AnyResponse:
        typed = request.args.get("number", "").strip()
        if not typed:
            return make_response(render_template("verify/ask.html", typed="", missing=False))
        number = normalised(typed[:_MAX_TYPED])
        if number is None:
            return unknown(typed)
        return redirect(url_for("verify.show", number=number), code=303)

    @pages.get("/<number>")
    @rate_limited("30 per minute", methods=("GET",))
    def show(number: str) -> AnyResponse:
        view = find(number)
        if view is None:
            return unknown(number)
        return make_response(render_template("verify/show.html", view=view, same=None))

    @pages.post("/<number>")
    @rate_limited("10 per minute")
    def compare(number: str) -> AnyResponse:
        view = find(number)
        if view is None:
            return unknown(number)
        file = request.files.get("pdf")
        content = b""
        if file is not None:
            content = file.read()
            file.close()
        same = (sha256_hex(content) == view.sha256) if content else None
        return make_response(
            render_template("verify/show.html", view=view, same=same, empty=not content),
            200 if content else 422,
        )

    return pages
