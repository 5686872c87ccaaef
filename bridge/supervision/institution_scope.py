"""What a program of one institution may read through the read API: that institution's own rows, by the same queries."""

from typing import Any

from sqlalchemy import ColumnElement

from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import InstitutionId
from bridge.supervision.model import Area
from bridge.supervision.scope import Scope, table

_NOWHERE = Area("999999")


class InstitutionScope(Scope):
    """A scope that one institution bounds; whose area a record lies in, and under which profile, is nothing to it."""

    def __init__(self, tx: Tx, institution: InstitutionId) -> None:
        # No profile decides anything: a query that asks by the area's rule alone finds nothing.
        super().__init__(tx, _NOWHERE, {})
        self.institution = institution

    def _run(self) -> ColumnElement[bool]:
        own: ColumnElement[bool] = table("class_run").c.institution_id == self.institution
        return own

    def _person(self, learner: ColumnElement[str]) -> ColumnElement[bool]:
        return self._run()

    def _within(self, division: ColumnElement[Any]) -> ColumnElement[bool]:
        own: ColumnElement[bool] = table("institution").c.id == self.institution
        return own
