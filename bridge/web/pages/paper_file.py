"""The PDF of an issued paper as a download."""

from collections.abc import Callable

from flask import make_response
from werkzeug.wrappers import Response as AnyResponse

from bridge.completion.model import IssuedPaper
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.wiring import House


def paper_file(
    house: House,
    institution: InstitutionId,
    number: str,
    may_have: Callable[[IssuedPaper], bool] = lambda _paper: True,
) -> AnyResponse:
    """Return the file; a paper that the caller may not have reads like one that does not exist."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        paper = house.at(tx).completion_store.paper_by_number(number)
    if paper is None or not may_have(paper):
        raise InvalidInput("certificate_unknown", "没有这份证明，请检查编号。", http_status=404)
    response = make_response(house.certificate_pdf(institution, paper.number))
    response.mimetype = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{paper.number}.pdf"'
    return response
