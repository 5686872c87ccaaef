"""What completion needs of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from bridge.completion.model import Earned, IssuedPaper, Paper, PaperKind, Standing, TestEvidence, TestScore
from bridge.completion.seal_model import SealHolder
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRunSheet


class Sheets(Protocol):
    """The registry's sheet of one learner in one class run."""

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        """Return it; InvalidInput("not_enrolled") where the learner is not on that class run."""
        ...


class Standings(Protocol):
    """What the institution may do in the class run's city."""

    def standing(self, sheet: ClassRunSheet, on: date) -> Standing:
        """Return the institution's names and standing for the class run on the legal day `on`."""
        ...


class EarnedHours(Protocol):
    """Hours, recomputed from the ledger at every call."""

    def earned(self, learner: LearnerRef, class_run: ClassRunId) -> Earned:
        """Return what the learner has earned; raises NoRuleInForce rather than guess."""
        ...


class TestPresence(Protocol):
    """What presence saw of a test."""

    def evidence(self, score: TestScore) -> TestEvidence:
        """Return the evidence over the attempt that `score` is for; all zero where nothing was seen."""
        ...


class MaskedPerson(Protocol):
    """What a stranger may read of a person."""

    @property
    def name(self) -> str: ...
    @property
    def citizen_id(self) -> str: ...


class Person(Protocol):
    """A person as identity discloses one."""

    @property
    def name(self) -> str: ...
    @property
    def citizen_id(self) -> str: ...
    @property
    def employer(self) -> str: ...
    def masked(self) -> MaskedPerson:
        """Return 陈*安 and 440***********1234."""
        ...


class IdentityDisclosure(Protocol):
    """The one way to a name; every call is logged with its purpose."""

    def disclose(
        self, learner: LearnerRef, *, purpose: str, recipient: str, by: str, at: datetime | None = None
    ) -> Person:
        """Return the person; InvalidInput where identity no longer knows one."""
        ...


class PaperPrinter(Protocol):
    """Sets a paper in type."""

    def print_paper(self, paper: Paper, template: str | None = None) -> bytes:
        """Return a PDF; InvalidInput("glyph_missing") rather than a paper with a box on it.

        Args:
            template: the institution's own, as the printer's kind writes one; None for the bridge's.
        """
        ...


class PaperSealer(Protocol):
    """Puts the institution's seal and the operator's co-signature on a printed paper."""

    @property
    def trial_authority(self) -> str:
        """The name of the test CA that vouches for both seals; "" for certificates in real use."""
        ...

    def seal(self, pdf: bytes, institution: SealHolder, operator: SealHolder) -> bytes:
        """Return the file with both signatures.

        Raises:
            Unavailable: "seal_missing": no certificate for one of the two; "seal_unreadable": key, passphrase, PIN or
                token do not fit; "seal_expired"; "seal_not_theirs": the institution's is made out to somebody else;
                "timestamp_missing".
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredSeal:
    """A certificate and its private key, both in PEM."""

    certificate: str
    key: str


class PaperNumbers(Protocol):
    """Gives papers their numbers."""

    def next(self, division_code: str, on: date) -> str:
        """Return the number for a paper of that city (GB/T 2260) on that legal day, under the scheme then in force."""
        ...

    def keep(self, number: str) -> None:
        """Note that the number is on a paper; one that is not kept is given again, so that none is missing."""
        ...


class SealKeyStore(Protocol):
    """Where a test CA keeps its keys."""

    def find(self, holder: str, subject: str) -> StoredSeal | None:
        """Return the first key that was made for that holder under that subject."""
        ...

    def lock(self) -> None:
        """Keep others from making a key until the unit of work ends."""
        ...

    def add(self, holder: str, subject: str, made: StoredSeal) -> None:
        """Keep a key."""
        ...


class SealWorks(Protocol):
    """One kind of seals (test CA, PKCS#12, PKCS#11; SM2 would be another); adapters are in plugins/completion/."""

    def seal(self, pdf: bytes, institution: SealHolder, operator: SealHolder, keys: SealKeyStore) -> bytes:
        """As `PaperSealer.seal`. `keys` is where a test CA keeps its own."""
        ...


class CompletionStore(Protocol):
    """Rows of completion."""

    def test_decision(
        self, learner: LearnerRef, class_run: ClassRunId, unit: str, attempt: str
    ) -> tuple[str, str, bool] | None:
        """Return (score, maximum, accepted) as the attempt was decided, or None."""
        ...

    def add_test_decision(
        self, score: TestScore, evidence: TestEvidence, accepted: bool, reasons: list[str], at: datetime
    ) -> None:
        """Keep one decision."""
        ...

    def accepted_test(self, learner: LearnerRef, class_run: ClassRunId) -> Mapping[str, Any] | None:
        """Return the latest accepted test or None.

        Keys: unit, attempt, score, maximum, finished_real, checks_passed.
        """
        ...

    def paper(self, learner: LearnerRef, class_run: ClassRunId, kind: PaperKind) -> IssuedPaper | None:
        """Return the paper of that kind, or None."""
        ...

    def papers(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[IssuedPaper, ...]:
        """Return all papers of the learner in the class run, oldest first."""
        ...

    def paper_by_number(self, number: str) -> IssuedPaper | None:
        """Return the paper with that number, or None."""
        ...

    def add_paper(self, paper: IssuedPaper) -> None:
        """Keep an issued paper."""
        ...


class LearnerStateKeeper(Protocol):
    """A platform that opens activities by what the bridge says of a learner; adapters are in plugins/lms/."""

    def set_learner_state(self, *, sub: str, context_id: str, real_name: bool, class_hours: int) -> None:
        """Have the platform keep this in place of what was said before; the same again changes nothing.

        Args:
            sub, context_id: the person and the course as the platform's launches name them.
            class_hours: whole ones that count.

        Raises:
            Unavailable: nobody knows whether it was kept; `permanent` says whether trying again can help.
        """
        ...
