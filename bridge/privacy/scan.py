"""One search through all that a bridge has written."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from bridge.db.data_keys import DataKeyRow
from bridge.db.vault import EvidenceRow
from bridge.kernel.errors import BridgeError
from bridge.kernel.ids import EvidenceId, InstitutionId
from bridge.privacy.content import NotOpened, inside
from bridge.privacy.needles import Needle, find
from bridge.privacy.places import Piece, in_database, in_file, in_folder, in_redis
from bridge.wiring import House

MOST_HITS = 1_000
"""How many places are named; the rest is counted."""


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A string of the list stands in a place.

    Args:
        line: of the list.
        form: in which the string stands there.
        row: "" where the row's own name holds the string.
    """

    place: str
    row: str
    line: int
    form: str


@dataclass(slots=True)
class Searched:
    """What one search has looked at and found."""

    bytes_in: Counter[str] = field(default_factory=Counter)
    hits: dict[Hit, None] = field(default_factory=dict)
    hit_count: int = 0
    not_searched: dict[tuple[str, str], int] = field(default_factory=dict)


def search(
    house: House,
    needles: Sequence[Needle],
    also: Sequence[Path],
    tell: Callable[[str], None] = lambda _: None,
) -> Searched:
    """Look through database, evidence, queue and the bridge's folder, and the files and folders in `also`.

    Args:
        tell: is told what is looked at next.
    """
    done = Searched()
    for area, pieces in _areas(house, also):
        tell(area)
        for piece in pieces:
            _look(area, piece, needles, done)
        done.bytes_in[area] += 0
    return done


def _look(area: str, piece: Piece, needles: Sequence[Needle], done: Searched) -> None:
    if piece.content is None:
        trouble = f"{area}: {piece.place}", piece.trouble
        done.not_searched[trouble] = done.not_searched.get(trouble, 0) + 1
        return
    done.bytes_in[area] += len(piece.content)
    for found in find(piece.content, needles):
        names = piece.row.encode(errors="surrogateescape"), piece.place.encode(errors="surrogateescape")
        row, place = ("" if any(find(name, needles)) else name.decode(errors="replace") for name in names)
        done.hit_count += 1
        if len(done.hits) < MOST_HITS:
            done.hits[Hit(f"{area}: {place}", row, found.line, found.form)] = None


def _areas(house: House, also: Sequence[Path]) -> Iterator[tuple[str, Iterable[Piece]]]:
    broker = house.settings.broker_url
    yield "database", in_database(house.engine, house.cipher)
    yield "evidence", _evidence(house)
    if broker.startswith("redis"):
        yield "queue", in_redis(broker)
    elif broker:
        # Only who takes messages from it can read them, and then they are gone.
        yield "queue", [Piece("broker", "", None, "this kind of queue cannot be read in place")]
    yield "data folder", in_folder(house.settings.data_dir)
    for path in also:
        yield str(path), in_folder(path) if path.is_dir() else in_file(path, shown=path.name)


def _evidence(house: House) -> Iterator[Piece]:
    purpose = "privacy scan: looks for strings in everything that is kept"
    with house.uow.across_institutions(purpose, read_only=True) as tx:
        kept = tx.session.execute(
            select(EvidenceRow.id, EvidenceRow.institution_id, DataKeyRow.purpose)
            .join(DataKeyRow, DataKeyRow.id == EvidenceRow.key_id)
            .where(DataKeyRow.destroyed_at.is_(None))
        ).all()
    for row in kept:
        institution = InstitutionId(row.institution_id)
        try:
            with house.uow.for_institution(institution, read_only=True) as tx:
                content = house.at(tx).vault.get(institution, EvidenceId(row.id))
            for part in inside(content):
                yield Piece(row.purpose, row.id, part)
        except (BridgeError, NotOpened) as error:
            yield Piece(row.purpose, row.id, None, getattr(error, "reason", str(error)))
