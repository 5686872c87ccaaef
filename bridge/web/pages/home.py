"""The front door: what this is, and where each visitor goes in."""

from flask import Blueprint, render_template

from bridge.wiring import House


def home_pages(house: House) -> Blueprint:
    """Return the blueprint of `/`."""
    pages = Blueprint("home", __name__)

    @pages.get("/")
    def welcome() -> str:
        return render_template("home.html")

    @pages.app_context_processor
    def installation() -> dict[str, object]:
        return {"demonstration": house.settings.demonstration}

    return pages
