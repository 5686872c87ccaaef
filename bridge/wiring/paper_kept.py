"""The file of a paper as the bridge still has it: whole, destroyed on a day as its archive's term was over, or lost."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select

from bridge.completion.model import IssuedPaper
from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.time import legal_date

if TYPE_CHECKING:
    from bridge.wiring.house import House


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What is left of a paper's file.

    Args:
        pdf: None where it cannot be read any more.
        destroyed_on: the legal day on which its key was destroyed; None where it never was.
    """

    pdf: bytes | None
    destroyed_on: date | None = None


def kept_file(house: "House", tx: Tx, paper: IssuedPaper) -> KeptFile:
    """Return what the bridge still has of the file of a paper in this unit of work's institution.

    Raises:
        Unavailable: the store of files or of keys does not answer; trying again may help.
    """
    try:
        return KeptFile(house.at(tx).completion.pdf(paper))
    except InvalidInput as gone:
        if gone.reason != "evidence_unknown":
            raise
        ended = tx.session.scalar(
            select(DataKeyRow.destroyed_at)
            .join(EvidenceRow, EvidenceRow.key_id == DataKeyRow.id)
            .where(EvidenceRow.id == paper.evidence_id)
        )
        return KeptFile(None, None if ended is None else legal_date(ended))
    except Unavailable as lost:
        if not lost.permanent:
            raise
        return KeptFile(None)
