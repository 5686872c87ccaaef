"""Who decides whom a document's number belongs to does so alone in the institution."""

from sqlalchemy import column, select, table

from bridge.db.unit_of_work import Tx

_INSTITUTION = table("institution", column("id"))
"""The registry's; named without its class, for a lock alone."""


def take_turn(tx: Tx) -> None:
    """Wait until nobody else in the institution decides who a number belongs to; the turn lasts until commit.

    On SQLite every unit of work that writes has it anyway.
    """
    found = select(_INSTITUTION.c.id).where(_INSTITUTION.c.id == tx.institution_id)
    tx.session.execute(found.with_for_update(key_share=True))
