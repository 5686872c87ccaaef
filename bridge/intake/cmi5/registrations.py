"""Registrations: a learner in a package, what stands of each AU there, and what that satisfies (§9.3.9, §9.6.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx
from bridge.intake.cmi5.claims import UnitClaim, UnitClaims
from bridge.intake.cmi5.model import MoveOn, newly_satisfied
from bridge.intake.cmi5.packages import Package, Packages
from bridge.intake.cmi5.ports import Blind, Say
from bridge.intake.cmi5.said_by_lms import Speaker
from bridge.intake.cmi5.tables import Cmi5RegistrationRow, Cmi5StandingRow
from bridge.intake.contact import without_contact_text
from bridge.intake.video.claims import note_video
from bridge.intake.video.rules import Watched
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the bridge calls things in statements; none of it is the publisher's."""

    public_url: str

    def activity(self, au_id: str) -> str:
        return f"{self.public_url}/cmi5/activities/{au_id}"

    def block(self, package: Package, block_id: str) -> str:
        blocks = [one.id for one in package.structure.whole.blocks()]
        return f"{self.public_url}/cmi5/packages/{package.id}/blocks/{blocks.index(block_id)}"

    @property
    def endpoint(self) -> str:
        return f"{self.public_url}/cmi5/xAPI"

    def fetch(self, key: str) -> str:
        return f"{self.public_url}/cmi5/fetch/{key}"


class Registrations:
    """The registrations of one institution, in an open unit of work.

    Args:
        blind_page: homePage of the accounts that stand in place of learners.
        blind: (learner, publisher's id of the course) → the account's name: another one in each course.
        as_lms: keeps statements in the bridge's own name.
    """

    def __init__(
        self,
        tx: Tx,
        packages: Packages,
        claims: UnitClaims,
        addresses: Addresses,
        blind_page: str,
        blind: Blind,
        as_lms: Say,
    ) -> None:
        self._tx = tx
        self.packages = packages
        self._claims = claims
        self.addresses = addresses
        self.blind_page = blind_page
        self._blind = blind
        self.as_lms = as_lms

    def of(self, package: Package, learner: LearnerRef, class_run: ClassRunId) -> Cmi5RegistrationRow:
        wanted = select(Cmi5RegistrationRow).where(
            Cmi5RegistrationRow.package_id == package.id,
            Cmi5RegistrationRow.learner == learner,
            Cmi5RegistrationRow.class_run_id == class_run,
        )
        known = self._tx.session.scalar(wanted.with_for_update())
        if known is not None:
            return known
        made = Cmi5RegistrationRow(
            id=plain_uuid(),
            institution_id=self._tx.institution_id,
            package_id=package.id,
            learner=learner,
            class_run_id=class_run,
            actor=self._blind(learner, package.structure.whole.id),
            satisfied=[],
            created_at=self._tx.clock.now(),
        )
        self._tx.session.add(made)
        try:
            self._tx.session.flush()
        except IntegrityError as error:
            raise InvalidInput("launch_race", "课件正在另一处打开,请稍后重试", http_status=409) from error
        # moveOn is looked at when the registration is made (§9.6.1): what asks for nothing is satisfied now.
        self.say_satisfied(made, package, None)
        return made

    def locked(self, registration_id: str) -> Cmi5RegistrationRow:
        found = self._tx.session.scalar(
            select(Cmi5RegistrationRow).where(Cmi5RegistrationRow.id == registration_id).with_for_update()
        )
        if found is None:
            raise InvalidInput("registration_unknown", "没有这个学习登记", http_status=404)
        return found

    def waive(self, registration_id: str, au_id: str, reason: str, *, by: str) -> None:
        """Say that an AU's demands are met by other means.

        Raises:
            InvalidInput: registration_unknown, au_unknown, waived_before, reason_missing.
        """
        registration = self.locked(registration_id)
        package, unit, au = self.packages.of_au(au_id)
        if package.id != registration.package_id:
            raise InvalidInput("au_unknown", "该学习登记的课件中没有这个单元", http_status=404)
        standing = self.standing(registration.id, au_id)
        if standing.waived_at is not None:
            raise InvalidInput("waived_before", "该单元已经免学", http_status=409)
        if not reason.strip():
            raise InvalidInput("reason_missing", "请写明免学的理由")
        now, session = self._tx.clock.now(), plain_uuid()
        standing.waived_at, standing.waived_by, standing.waived_reason = now, by, reason.strip()
        self._tx.session.flush()
        activity = self.addresses.activity(au_id)
        statement = self.speaker(registration).waived(session, activity, au, reason.strip(), now)
        self.as_lms([statement])
        self.claim(registration, unit, "waived", now, {}, statement["id"])
        self.say_satisfied(registration, package, session)

    def claim(
        self,
        registration: Cmi5RegistrationRow,
        unit: str | None,
        kind: str,
        at: datetime,
        value: Mapping[str, Any],
        statement_id: str,
    ) -> None:
        if unit is not None:
            self._claims.note(
                LearnerRef(registration.learner),
                ClassRunId(registration.class_run_id),
                UnitClaim(unit, "cmi5", kind, at, value, statement_id),
            )

    def claim_video(
        self,
        registration: Cmi5RegistrationRow,
        unit: str | None,
        statement: Mapping[str, Any],
        watched: Watched,
    ) -> None:
        """Note what the AU says was watched, if it teaches a unit."""
        if unit is not None:
            learner, class_run = LearnerRef(registration.learner), ClassRunId(registration.class_run_id)
            note_video(self._claims, learner, class_run, unit, statement, watched)

    def standing(self, registration_id: str, au_id: str) -> Cmi5StandingRow:
        row = self._tx.session.get(Cmi5StandingRow, (registration_id, au_id))
        if row is None:
            row = Cmi5StandingRow(
                registration_id=registration_id, au_id=au_id, institution_id=self._tx.institution_id
            )
            self._tx.session.add(row)
            self._tx.session.flush()
        return row

    def satisfied_aus(self, registration_id: str, package: Package) -> frozenset[str]:
        """Return the publisher's ids of the AUs whose moveOn is met in the registration, or that were waived."""
        rows = {
            row.au_id: row
            for row in self._tx.session.scalars(
                select(Cmi5StandingRow).where(Cmi5StandingRow.registration_id == registration_id)
            )
        }
        return frozenset(au.id for au_id, _unit, au in package.aus if _met(rows.get(au_id), au.move_on))

    def satisfied_of(self, package: Package, learner: LearnerRef, class_run: ClassRunId) -> frozenset[str]:
        """Return the same for a learner; before the first launch nothing is satisfied."""
        registration = self._tx.session.scalar(
            select(Cmi5RegistrationRow.id).where(
                Cmi5RegistrationRow.package_id == package.id,
                Cmi5RegistrationRow.learner == learner,
                Cmi5RegistrationRow.class_run_id == class_run,
            )
        )
        return frozenset() if registration is None else self.satisfied_aus(registration, package)

    def say_satisfied(self, registration: Cmi5RegistrationRow, package: Package, session: str | None) -> None:
        """Say of each block, and of the course, that it is satisfied once it is; once only."""
        before = frozenset(registration.satisfied)
        blocks = newly_satisfied(package.structure, self.satisfied_aus(registration.id, package), before)
        if not blocks:
            return
        speaker, now, session = self.speaker(registration), self._tx.clock.now(), session or plain_uuid()
        registration.satisfied = [*registration.satisfied, *(one.id for one in blocks)]
        self._tx.session.flush()
        self.as_lms(
            [
                speaker.satisfied(
                    session,
                    self.addresses.block(package, block.id),
                    block,
                    whole=block.id == package.structure.whole.id,
                    at=now,
                )
                for block in blocks
            ]
        )

    def speaker(self, registration: Cmi5RegistrationRow) -> Speaker:
        account = {"homePage": self.blind_page, "name": registration.actor}
        return Speaker({"objectType": "Agent", "account": account}, registration.id)


def _met(row: Cmi5StandingRow | None, move_on: MoveOn) -> bool:
    if row is None:
        return move_on is MoveOn.ALWAYS
    return row.waived_at is not None or move_on.met(
        completed=row.completed_at is not None, passed=row.passed_at is not None
    )


def plain_uuid() -> str:
    """Return a UUID in which nobody could read a telephone number: it stands in statements, and those are cleaned."""
    while True:
        made = str(uuid4())
        if without_contact_text(made) == made:
            return made
