"""What identity needs from outside, and what it offers to the other stations."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from bridge.identity.enrolment_model import Known
from bridge.identity.model import AccountRecord, Consent, DisclosedIdentity, ListRow
from bridge.identity.provider_model import Answer, Claim, ProviderFacts, Standing
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef, RegistrationId
from bridge.rules.model import Resolved


class RealNameProvider(Protocol):
    """Says whether a name and a citizen id belong together; adapters are in plugins/identity/."""

    @property
    def facts(self) -> ProviderFacts: ...

    def verify(self, claim: Claim) -> Answer:
        """Return how it ended. That nobody answered is an answer too: nothing is raised."""
        ...


class RealNameDesk(Protocol):
    """Who is asked when a learner types a name: a provider at once, or a question that a job carries."""

    def ask(self, account_id: str, row: ListRow) -> Standing:
        """Return what is known now of the person of an enrolment list whom `account_id` claims to be."""
        ...


class NetworkIdentity(Protocol):
    """The boundary to the national network identity (国家网络身份认证公共服务: 网号, 网证), not a real-name provider.

    The person shows a credential in the official app, and the service says who that is, or only that it is
    somebody. Nothing implements this: the interface is given to registered parties alone, and no document that
    we could read shows a field of it (docs/identity-providers.md).
    """

    def confirm(self, credential: bytes, *, plain: bool) -> Answer:
        """Return whether the service stands for the credential.

        Args:
            plain: whether name and number are asked for, too, which the person must have agreed to.
        """
        ...


class IdentityDisclosure(Protocol):
    """The one way by which other stations learn who a learner is."""

    def disclose(
        self,
        learner: LearnerRef,
        *,
        purpose: str,
        recipient: str,
        by: str,
        what: str = "identity",
        at: datetime | None = None,
    ) -> DisclosedIdentity:
        """Return the person, and log that it was done.

        Args:
            at: the person as the house knew them at this instant, as a paper of then printed them; None: now.
            what: of a person is shown, a code of `access_log.WHAT`;
            purpose: why, e.g. "certificate.render"; recipient: who will see it; by: who or what asks.

        Raises:
            InvalidInput("learner_unknown" | "disclosure_purpose_missing")
        """
        ...


class RosterPhotos(Protocol):
    """Where presence gets the ID photo of the enrolment list."""

    def roster_photo(self, learner: LearnerRef, class_run: ClassRunId) -> bytes | None:
        """Return the photo (JPEG or PNG), None if there is none; NotPermitted("consent_required")."""
        ...


class FaceConsent(Protocol):
    """Where presence asks before it touches a face."""

    def may_process_face(self, learner: LearnerRef) -> bool:
        """Return whether the learner's consent to the current text is in force."""
        ...


class ClassRunFinder(Protocol):
    """Tells which class run an LMS course is (the registry)."""

    def class_run_for(self, registration_id: RegistrationId, context_id: str) -> ClassRunId | None: ...

    def real_name_rule(self, class_run_id: ClassRunId) -> Resolved | None:
        """Return the rule that asks for a real name there today; None where none is in force."""
        ...


class Now(Protocol):
    """Real time."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class IdentityStore(Protocol):
    """Identity's rows of one institution, inside one unit of work. Texts go in and come out plain."""

    @property
    def institution_id(self) -> InstitutionId: ...

    def take_turn(self) -> None:
        """Wait until nobody else in the institution decides who a number belongs to; lasts until commit."""
        ...

    def account(self, account_id: str) -> AccountRecord | None: ...
    def account_for(self, registration_id: RegistrationId, sub: str) -> AccountRecord | None: ...
    def add_account(self, registration_id: RegistrationId, sub: str, at: datetime) -> AccountRecord:
        """Return the account's row, new or made by somebody else meanwhile."""
        ...

    def owner(self, learner: LearnerRef) -> str | None:
        """Return the id of the account that `learner` owns now."""
        ...

    def bind(self, account_id: str, learner: LearnerRef, at: datetime) -> bool:
        """Bind the account; False, with nothing changed, if either is bound already."""
        ...

    def release(self, account_id: str, at: datetime, reason: str, by: str) -> bool: ...

    def learner_with(self, citizen_id: str) -> LearnerRef | None: ...
    def add_learner(self, name: str, citizen_id: str, at: datetime) -> LearnerRef: ...
    def person(self, learner: LearnerRef) -> tuple[str, str] | None:
        """Return (name, citizen id)."""
        ...

    def list_row(self, class_run: ClassRunId, citizen_id: str) -> ListRow | None: ...
    def list_row_of(self, class_run: ClassRunId, learner: LearnerRef) -> ListRow | None: ...
    def list_rows_of(self, learner: LearnerRef, until: datetime | None = None) -> Sequence[ListRow]:
        """Return the learner's rows, oldest first; with `until` those that were there by then."""
        ...

    def person_on(
        self, learner: LearnerRef, on: date, known_at: datetime | None = None
    ) -> tuple[str, str, str | None] | None:
        """Return name, number and employer in force on a legal day; an employer of None is the lists'."""
        ...

    def records_of(self, learner: LearnerRef) -> Sequence[LearnerRef]:
        """Return all records of one human, the one that goes on first."""
        ...

    def numbers_of(self, learner: LearnerRef) -> Sequence[str]: ...
    def names_of(self, learner: LearnerRef) -> Sequence[str]: ...

    def known(self, class_run: ClassRunId, numbers: Sequence[str]) -> Known:
        """Return what is known of the numbers of documents, in a few queries whatever their count."""
        ...

    def names_listed_for(self, citizen_id: str) -> Sequence[str]:
        """Return the names under which the institution's lists hold `citizen_id`."""
        ...

    def add_list_row(
        self, class_run: ClassRunId, name: str, citizen_id: str, employer: str, at: datetime, trade: str = ""
    ) -> str: ...
    def change_list_row(self, row_id: str, name: str, employer: str, trade: str | None = None) -> None:
        """Change the row; a trade of None stays as it is."""
        ...

    def set_photo(self, row_id: str, photo: EvidenceId) -> None: ...
    def claim_list_row(self, row_id: str, learner: LearnerRef) -> None: ...

    def add_refusal(self, account_id: str, reason: str, at: datetime) -> None: ...
    def refusals_since(self, account_id: str, since: datetime) -> int: ...

    def owner_consents(self, learner: LearnerRef, purpose: str, version: str) -> bool:
        """Return whether the account that the learner owns consents to this version of the text."""
        ...

    def consents(self, account_id: str, purpose: str) -> Sequence[Consent]:
        """Return the account's consents to `purpose`, oldest first."""
        ...

    def add_consent(self, account_id: str, purpose: str, version: str, at: datetime) -> None: ...
    def revoke_consents(self, account_id: str, purpose: str, at: datetime) -> None: ...

    def log_disclosure(
        self, learner: LearnerRef, what: str, purpose: str, recipient: str, by: str, at: datetime
    ) -> None: ...
