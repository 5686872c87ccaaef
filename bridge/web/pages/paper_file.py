"""The PDF of an issued paper as a download, and its page as a picture for telephones that open no PDF."""

from collections.abc import Callable

from flask import make_response, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.completion.model import IssuedPaper
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.wiring import House

Allowed = Callable[[IssuedPaper], bool]


def _anybody(_paper: IssuedPaper) -> bool:
    return True


def paper_file(
    house: House, institution: InstitutionId, number: str, may_have: Allowed = _anybody
) -> AnyResponse:
    """Return the file; a paper that the caller may not have reads like one that does not exist."""
    paper = known_paper(house, institution, number, may_have)
    response = make_response(house.certificate_pdf(institution, paper.number))
    response.mimetype = "application/pdf"
    # WeChat's browser cannot download; what is inline it opens in its own reader.
    shown = "inline" if "MicroMessenger" in request.user_agent.string else "attachment"
    response.headers["Content-Disposition"] = f'{shown}; filename="{paper.number}.pdf"'
    return response


def paper_picture(
    house: House, institution: InstitutionId, number: str, may_have: Allowed = _anybody
) -> AnyResponse:
    """Return the paper's page as a PNG picture."""
    paper = known_paper(house, institution, number, may_have)
    response = make_response(house.paper_picture(house.certificate_pdf(institution, paper.number)))
    response.mimetype = "image/png"
    response.headers["Content-Disposition"] = f'inline; filename="{paper.number}.png"'
    return response


def known_paper(
    house: House, institution: InstitutionId, number: str, may_have: Allowed = _anybody
) -> IssuedPaper:
    """Return the paper of that number; InvalidInput("certificate_unknown") also for one that is somebody else's."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        paper = house.at(tx).completion_store.paper_by_number(number)
    if paper is None or not may_have(paper):
        raise InvalidInput("certificate_unknown", "没有这份证明，请检查编号。", http_status=404)
    return paper
