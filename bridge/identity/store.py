"""Identity's store: encrypts what goes in, decrypts what comes out, finds by blind index."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from bridge.db.base import Base
from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.identity import access_log
from bridge.identity.change_model import ChangeKind
from bridge.identity.change_store import SqlChanges
from bridge.identity.consent_look import consents
from bridge.identity.enrolment_model import Known
from bridge.identity.model import AccountRecord, Consent, ListRow
from bridge.identity.tables import (
    AccountBindingRow,
    ConsentRow,
    EnrolmentListRow,
    LearnerRow,
    LmsAccountRow,
    RealNameRefusalRow,
)
from bridge.identity.turns import take_turn
from bridge.kernel.ids import (
    ClassRunId,
    EvidenceId,
    InstitutionId,
    LearnerRef,
    RegistrationId,
    new_id,
    random_ref,
)
from bridge.kernel.time import legal_date

_OF_A_PERSON = (ChangeKind.NAME, ChangeKind.DOCUMENT, ChangeKind.EMPLOYER)
_AT_ONCE = 500
"""Numbers of one query."""


class SqlIdentityStore:
    """`ports.IdentityStore` on identity's tables."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher
        self._tenant = tx.institution_id
        self.changes = SqlChanges(tx.session, cipher, tx.institution_id)

    @property
    def institution_id(self) -> InstitutionId:
        return self._tenant

    def take_turn(self) -> None:
        take_turn(self._tx)

    def account(self, account_id: str) -> AccountRecord | None:
        row = self._session.scalar(select(LmsAccountRow).where(LmsAccountRow.id == account_id))
        return None if row is None else self._account(row)

    def account_for(self, registration_id: RegistrationId, sub: str) -> AccountRecord | None:
        row = self._session.scalar(
            select(LmsAccountRow).where(
                LmsAccountRow.registration_id == registration_id,
                LmsAccountRow.sub_index == self._sub_index(registration_id, sub),
            )
        )
        return None if row is None else self._account(row)

    def add_account(self, registration_id: RegistrationId, sub: str, at: datetime) -> AccountRecord:
        account_id = new_id("acc")
        row = LmsAccountRow(
            id=account_id,
            institution_id=self._tenant,
            registration_id=registration_id,
            sub_enc=self._sealed(LmsAccountRow, account_id, sub),
            sub_index=self._sub_index(registration_id, sub),
            first_seen_at=at,
        )
        if self._inserted(row):
            return self._account(row)
        made = self.account_for(registration_id, sub)
        if made is None:
            raise RuntimeError("an account's platform belongs to another institution")
        return made

    def owner(self, learner: LearnerRef) -> str | None:
        return self._session.scalar(
            select(AccountBindingRow.account_id).where(
                AccountBindingRow.learner == learner, AccountBindingRow.ended_at.is_(None)
            )
        )

    def bind(self, account_id: str, learner: LearnerRef, at: datetime) -> bool:
        return self._inserted(
            AccountBindingRow(
                id=new_id("bind"),
                institution_id=self._tenant,
                account_id=account_id,
                learner=learner,
                bound_at=at,
                ended_at=None,
                ended_reason=None,
                ended_by=None,
            )
        )

    def release(self, account_id: str, at: datetime, reason: str, by: str) -> bool:
        row = self._session.scalar(
            select(AccountBindingRow).where(
                AccountBindingRow.account_id == account_id, AccountBindingRow.ended_at.is_(None)
            )
        )
        if row is None:
            return False
        row.ended_at, row.ended_reason, row.ended_by = at, reason, by
        self._session.flush()
        return True

    def learner_with(self, citizen_id: str) -> LearnerRef | None:
        found = self._session.scalar(
            select(LearnerRow.id).where(LearnerRow.citizen_id_index == self._person_index(citizen_id))
        )
        learner = self.changes.learner_with(citizen_id) if found is None else LearnerRef(found)
        return None if learner is None else self.changes.survivor_of(learner)

    def add_learner(self, name: str, citizen_id: str, at: datetime) -> LearnerRef:
        learner = LearnerRef(random_ref("ln"))
        row = LearnerRow(
            id=learner,
            institution_id=self._tenant,
            name_enc=self._sealed(LearnerRow, f"{learner}:name", name),
            citizen_id_enc=self._sealed(LearnerRow, f"{learner}:citizen_id", citizen_id),
            citizen_id_index=self._person_index(citizen_id),
            created_at=at,
        )
        if self._inserted(row):
            return learner
        made = self.learner_with(citizen_id)
        if made is None:
            raise RuntimeError("a learner could be neither made nor found")
        return made

    def person(self, learner: LearnerRef) -> tuple[str, str] | None:
        row = self._session.scalar(select(LearnerRow).where(LearnerRow.id == learner))
        if row is None:
            return None
        name = self._opened(LearnerRow, f"{learner}:name", row.name_enc)
        return name, self._opened(LearnerRow, f"{learner}:citizen_id", row.citizen_id_enc)

    def person_on(
        self, learner: LearnerRef, on: date, known_at: datetime | None = None
    ) -> tuple[str, str, str | None] | None:
        """Return name, number and employer in force on a legal day; an employer of None is the lists'.

        Args:
            known_at: as the house knew it then; None: as it knows it now.
        """
        first = self.person(learner)
        if first is None:
            return None
        changed = [self.changes.value_on(learner, kind, on, known_at) for kind in _OF_A_PERSON]
        return changed[0] or first[0], changed[1] or first[1], changed[2]

    def records_of(self, learner: LearnerRef) -> Sequence[LearnerRef]:
        return self.changes.records_of(learner)

    def numbers_of(self, learner: LearnerRef) -> Sequence[str]:
        """Return the numbers of all documents that the human has or had, those of merged records within."""
        return self._each(learner, 1, ChangeKind.DOCUMENT)

    def names_of(self, learner: LearnerRef) -> Sequence[str]:
        """Return the names that the human has or had, those of merged records within."""
        return self._each(learner, 0, ChangeKind.NAME)

    def _each(self, learner: LearnerRef, of_first: int, kind: ChangeKind) -> Sequence[str]:
        found: list[str] = []
        for record in self.changes.records_of(learner):
            first = self.person(record)
            found += [] if first is None else [first[of_first]]
            found += self.changes.confirmed_values(record, kind)
        return found

    def list_row(self, class_run: ClassRunId, citizen_id: str) -> ListRow | None:
        row = self._session.scalar(
            select(EnrolmentListRow).where(
                EnrolmentListRow.class_run_id == class_run,
                EnrolmentListRow.citizen_id_index == self._person_index(citizen_id),
            )
        )
        return None if row is None else self._list_row(row)

    def list_row_of(self, class_run: ClassRunId, learner: LearnerRef) -> ListRow | None:
        row = self._session.scalar(
            select(EnrolmentListRow).where(
                EnrolmentListRow.class_run_id == class_run, EnrolmentListRow.learner == learner
            )
        )
        return None if row is None else self._list_row(row)

    def list_row_with(self, row_id: str) -> ListRow | None:
        """Return a row by its id; None if it is gone."""
        row = self._session.scalar(select(EnrolmentListRow).where(EnrolmentListRow.id == row_id))
        return None if row is None else self._list_row(row)

    def list_rows_of(self, learner: LearnerRef, until: datetime | None = None) -> Sequence[ListRow]:
        until_then = () if until is None else (EnrolmentListRow.created_at <= until,)
        rows = self._session.scalars(
            select(EnrolmentListRow)
            .where(EnrolmentListRow.learner == learner, *until_then)
            .order_by(EnrolmentListRow.created_at, EnrolmentListRow.id)
        )
        return [self._list_row(row) for row in rows]

    def known(self, class_run: ClassRunId, numbers: Sequence[str]) -> Known:
        listed: dict[str, ListRow] = {}
        names: dict[str, set[str]] = {}
        proved: dict[str, str] = {}
        for at in range(0, len(numbers), _AT_ONCE):
            indexes = {self._person_index(number): number for number in numbers[at : at + _AT_ONCE]}
            row = EnrolmentListRow
            for found in self._session.scalars(select(row).where(row.citizen_id_index.in_(indexes))):
                one = self._list_row(found)
                names.setdefault(one.citizen_id, set()).add(one.name)
                if one.class_run == class_run:
                    listed[one.citizen_id] = one
            learners = select(LearnerRow).where(LearnerRow.citizen_id_index.in_(indexes))
            found_people = list(self._session.scalars(learners))
            renamed = self.changes.names_on(
                [LearnerRef(who.id) for who in found_people], legal_date(self._tx.clock.now())
            )
            for who in found_people:
                first = self._opened(LearnerRow, f"{who.id}:name", who.name_enc)
                proved[indexes[who.citizen_id_index]] = renamed.get(LearnerRef(who.id), first)
        return Known(listed, {number: frozenset(each) for number, each in names.items()}, proved)

    def names_listed_for(self, citizen_id: str) -> Sequence[str]:
        rows = self._session.scalars(
            select(EnrolmentListRow).where(
                EnrolmentListRow.citizen_id_index == self._person_index(citizen_id)
            )
        )
        return [self._list_row(row).name for row in rows]

    def add_list_row(
        self, class_run: ClassRunId, name: str, citizen_id: str, employer: str, at: datetime, trade: str = ""
    ) -> str:
        # A random id: evidence and events carry it, and it must say as little as a LearnerRef.
        row_id = random_ref("elr")
        self._session.add(
            EnrolmentListRow(
                id=row_id,
                institution_id=self._tenant,
                class_run_id=class_run,
                name_enc=self._sealed(EnrolmentListRow, f"{row_id}:name", name),
                citizen_id_enc=self._sealed(EnrolmentListRow, f"{row_id}:citizen_id", citizen_id),
                citizen_id_index=self._person_index(citizen_id),
                employer_enc=self._sealed(EnrolmentListRow, f"{row_id}:employer", employer),
                trade_enc=self._sealed(EnrolmentListRow, f"{row_id}:trade", trade) if trade else None,
                photo=None,
                learner=None,
                created_at=at,
            )
        )
        self._session.flush()
        return row_id

    def change_list_row(self, row_id: str, name: str, employer: str, trade: str | None = None) -> None:
        texts = {"name": name, "employer": employer} | ({} if trade is None else {"trade": trade})
        self._session.execute(
            update(EnrolmentListRow)
            .where(EnrolmentListRow.id == row_id, EnrolmentListRow.institution_id == self._tenant)
            .values(
                {
                    f"{key}_enc": self._sealed(EnrolmentListRow, f"{row_id}:{key}", text)
                    for key, text in texts.items()
                }
            )
        )

    def set_photo(self, row_id: str, photo: EvidenceId) -> None:
        self._session.execute(
            update(EnrolmentListRow)
            .where(EnrolmentListRow.id == row_id, EnrolmentListRow.institution_id == self._tenant)
            .values(photo=photo)
        )

    def claim_list_row(self, row_id: str, learner: LearnerRef) -> None:
        self._session.execute(
            update(EnrolmentListRow)
            .where(EnrolmentListRow.id == row_id, EnrolmentListRow.institution_id == self._tenant)
            .values(learner=learner)
        )

    def add_refusal(self, account_id: str, reason: str, at: datetime) -> None:
        self._session.add(
            RealNameRefusalRow(
                id=new_id("rnr"), institution_id=self._tenant, account_id=account_id, reason=reason, at=at
            )
        )
        self._session.flush()

    def refusals_since(self, account_id: str, since: datetime) -> int:
        counted = select(func.count(RealNameRefusalRow.id)).where(
            RealNameRefusalRow.account_id == account_id, RealNameRefusalRow.at > since
        )
        return self._session.scalar(counted) or 0

    def consents(self, account_id: str, purpose: str) -> Sequence[Consent]:
        rows = self._session.scalars(
            select(ConsentRow)
            .where(ConsentRow.account_id == account_id, ConsentRow.purpose == purpose)
            .order_by(ConsentRow.given_at, ConsentRow.id)
        )
        return [Consent(r.purpose, r.version, r.given_at, r.revoked_at) for r in rows]

    def owner_consents(self, learner: LearnerRef, purpose: str, version: str) -> bool:
        return consents(self._tx, learner, purpose, version)

    def add_consent(self, account_id: str, purpose: str, version: str, at: datetime) -> None:
        self._session.add(
            ConsentRow(
                id=new_id("con"),
                institution_id=self._tenant,
                account_id=account_id,
                purpose=purpose,
                version=version,
                given_at=at,
                revoked_at=None,
            )
        )
        self._session.flush()

    def revoke_consents(self, account_id: str, purpose: str, at: datetime) -> None:
        self._session.execute(
            update(ConsentRow)
            .where(
                ConsentRow.account_id == account_id,
                ConsentRow.institution_id == self._tenant,
                ConsentRow.purpose == purpose,
                ConsentRow.revoked_at.is_(None),
            )
            .values(revoked_at=at)
        )

    def log_disclosure(
        self, learner: LearnerRef, what: str, purpose: str, recipient: str, by: str, at: datetime
    ) -> None:
        access_log.note(
            self._tx, self._cipher, learner, what=what, purpose=purpose, recipient=recipient, by=by, at=at
        )

    def _account(self, row: LmsAccountRow) -> AccountRecord:
        learner = self._session.scalar(
            select(AccountBindingRow.learner).where(
                AccountBindingRow.account_id == row.id, AccountBindingRow.ended_at.is_(None)
            )
        )
        return AccountRecord(
            row.id,
            RegistrationId(row.registration_id),
            self._opened(LmsAccountRow, row.id, row.sub_enc),
            None if learner is None else LearnerRef(learner),
        )

    def _list_row(self, row: EnrolmentListRow) -> ListRow:
        return ListRow(
            row.id,
            ClassRunId(row.class_run_id),
            self._opened(EnrolmentListRow, f"{row.id}:name", row.name_enc),
            self._opened(EnrolmentListRow, f"{row.id}:citizen_id", row.citizen_id_enc),
            self._opened(EnrolmentListRow, f"{row.id}:employer", row.employer_enc),
            None if row.photo is None else EvidenceId(row.photo),
            None if row.learner is None else LearnerRef(row.learner),
            "" if row.trade_enc is None else self._opened(EnrolmentListRow, f"{row.id}:trade", row.trade_enc),
        )

    def _inserted(self, row: Base) -> bool:
        """Insert within a savepoint; False if a unique index says that somebody was first."""
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    def _sealed(self, table: type[Base], row_id: str, text: str) -> str:
        return self._cipher.encrypt_text(text, table=table.__tablename__, row_id=row_id)

    def _opened(self, table: type[Base], row_id: str, sealed: str) -> str:
        return self._cipher.decrypt_text(sealed, table=table.__tablename__, row_id=row_id)

    def _person_index(self, citizen_id: str) -> str:
        return self._cipher.blind_index(citizen_id, domain=f"{self._tenant}:citizen_id")

    def _sub_index(self, registration_id: RegistrationId, sub: str) -> str:
        return self._cipher.blind_index(sub, domain=f"{self._tenant}:{registration_id}:sub")
