"""A paper of nobody, to look at: an institution's template with made-up words, marked as a specimen."""

from typing import TYPE_CHECKING

from bridge.completion.model import Paper, PaperKind
from bridge.completion.number_tables import SqlPaperNumbers
from bridge.completion.specimen import NUMBER, made_up_paper
from bridge.completion.template_tables import SqlPaperTemplates
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import legal_date

if TYPE_CHECKING:
    from bridge.wiring.house import House


def specimen(house: "House", institution: InstitutionId, kind: PaperKind) -> bytes:
    """Return the PDF of a specimen with the institution's template, unsealed."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        found = house.at(tx).registry_store.institution()
        template = SqlPaperTemplates(tx).source()
        number = next_number(house, tx)
    if found is None:
        raise InvalidInput("institution_unknown", "没有这家机构", http_status=404)
    paper = specimen_paper(house, kind, found.name, found.uscc, found.operator_name, number or NUMBER)
    printed: bytes = house.printer.print_paper(paper, template)
    return printed


def next_number(house: "House", tx: Tx) -> str | None:
    """Return the number that the institution's next paper gets by its own scheme; None where it has none."""
    numbers, today = SqlPaperNumbers(tx), legal_date(house.clock.now())
    scheme = numbers.on(today)
    return numbers.preview(scheme, "", today) if scheme is not None and scheme.prefix else None


def specimen_paper(
    house: "House", kind: PaperKind, name: str, uscc: str, operator: str, number: str = NUMBER
) -> Paper:
    """Return the specimen: as long as papers get, so that what fits here fits."""
    return made_up_paper(
        kind,
        house.clock.now(),
        issuer=name,
        uscc=uscc,
        operator=operator,
        public_url=house.settings.public_url,
        number=number,
    )
