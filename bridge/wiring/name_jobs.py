"""Questions to real-name providers: asked with no unit of work open, kept in one; staff's own answer, too."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.identity.consent import PHOTO_TO_SOURCE
from bridge.identity.model import ListRow, normalise_name
from bridge.identity.name_checks import NAME_WANTED, NO_CONSENT, NameCheck, due_checks, stuck_checks
from bridge.identity.ports import RealNameProvider
from bridge.identity.provider_model import (
    FOR_OPERATOR,
    OPERATOR_PAUSE,
    Answer,
    CheckState,
    Claim,
    Grace,
    Outcome,
)
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.kernel.time import legal_date
from bridge.rules.model import LegalDates, NoRuleInForce
from bridge.wiring.platform_calls import hold_job, pause_after, want_due

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NameAsked:
    """What came of asking: each question that left with its answer, and the one that counts."""

    check: NameCheck
    questions: Sequence[tuple[str, Answer]]
    answer: Answer
    provider: str


@dataclass(frozen=True, slots=True)
class _Matter:
    """What may be said of the person."""

    check: NameCheck
    row: ListRow
    photo: bytes | None
    may_show_photo: bool


def ask_name(house: "House", job: Job) -> NameAsked | None:
    """Ask the provider, and the fallback where the provider is out of order; None when there is nothing to ask."""
    matter = _matter(house, job)
    if matter is None or isinstance(matter, NameAsked):
        return matter
    questions: list[tuple[str, Answer]] = []
    first, *others = house.real_name_providers
    answer, provider = _ask_one(house, job, matter, first, questions), first.facts.code
    for other in others:
        # Nobody but an outage hands the person's data to a second party: an answer is an answer.
        if answer.outcome is not Outcome.OUTAGE or (other.facts.needs_photo and not matter.may_show_photo):
            break
        hold_job(house, job)
        answer, provider = _ask_one(house, job, matter, other, questions), other.facts.code
    return NameAsked(matter.check, questions, answer, provider)


def note_name(house: "House", tx: Tx, _job: Job, asked: NameAsked | None) -> None:
    """Keep what came of it; a match binds the account, a mismatch counts as a refused try."""
    if asked is None:
        return
    stations = house.at(tx)
    checks = stations.name_checks
    for question, answer in asked.questions:
        checks.note(question, answer)
    outcome = asked.answer.outcome
    if outcome in FOR_OPERATOR:
        log.warning(
            "real_name_provider_needs_operator",
            provider=asked.provider,
            outcome=outcome.value,
            detail=asked.answer.detail,
        )

    def pause(failures: int) -> timedelta:
        return max(pause_after(failures), OPERATOR_PAUSE if outcome in FOR_OPERATOR else timedelta(0))

    state = checks.settle(asked.check, asked.answer, _grace(house, stations, asked.check.class_run), pause)
    if state is CheckState.MATCHED:
        _bind(house, tx, stations, asked.check)
    elif state is CheckState.MISMATCHED:
        SqlIdentityStore(tx, house.cipher).add_refusal(
            asked.check.account_id, "name_mismatch", house.clock.now()
        )


def decide_by_staff(house: "House", tx: Tx, check_id: str, *, card_number: str, by: str) -> bool:
    """End a check by the word of a member of staff who has person and card before them.

    Args:
        card_number: as it stands on the card; it must be the list's.

    Returns:
        Whether the account is the person's from now on.

    Raises:
        InvalidInput: real_name_check_closed, card_number_differs.
    """
    stations = house.at(tx)
    check = stations.name_checks.get(check_id)
    row = None if check is None else SqlIdentityStore(tx, house.cipher).list_row_with(check.list_row_id)
    if check is not None and row is not None and _plain(card_number) != row.citizen_id:
        raise InvalidInput(
            "card_number_differs", "与报名名单中的证件号码不一致,请对照证件重新输入。", http_status=422
        )
    return _bind(house, tx, stations, stations.name_checks.decide(check_id, same_person=True, by=by))


def refuse_by_staff(house: "House", tx: Tx, check_id: str, *, by: str) -> None:
    """End a check of a person whom the card does not show; InvalidInput("real_name_check_closed")."""
    check = house.at(tx).name_checks.decide(check_id, same_person=False, by=by)
    SqlIdentityStore(tx, house.cipher).add_refusal(check.account_id, "name_mismatch", house.clock.now())


def sweep_names(house: "House") -> None:
    """Have providers asked (again) whose time has come."""
    with house.uow.across_institutions("find real names to ask for", read_only=True) as tx:
        due = [(institution, NAME_WANTED, check) for institution, check in due_checks(tx)]
        stuck = stuck_checks(tx)
    for institution, check in stuck:
        with house.uow.for_institution(institution) as tx:
            house.at(tx).name_checks.hand_over(check)
    want_due(house, due)


def _bind(house: "House", tx: Tx, stations: "Stations", check: NameCheck) -> bool:
    """Have identity bind the account to the person of a check that has just matched."""
    row = SqlIdentityStore(tx, house.cipher).list_row_with(check.list_row_id)
    if row is None:
        return False
    decision = stations.identity.verify_real_name(check.account_id, check.class_run, row.name, row.citizen_id)
    return decision.value is not None


def _matter(house: "House", job: Job) -> _Matter | NameAsked | None:
    """Return what to ask; an answer of our own where nothing may leave; None where nothing is due."""
    providers = house.real_name_providers
    with house.uow.for_institution(job.institution_id) as tx:
        stations = house.at(tx)
        check = stations.name_checks.get(job.key)
        if check is None or check.next_at is None or check.next_at > house.clock.now():
            return None
        if not providers:
            return NameAsked(check, (), Answer(Outcome.REFUSED, "provider_not_set"), "")
        row = SqlIdentityStore(tx, house.cipher).list_row_with(check.list_row_id)
        if row is None or not stations.name_checks.still_asks(check, row):
            return NameAsked(check, (), Answer(Outcome.UNCLEAR, "list_changed"), "")
        allowed = stations.identity.has_consent(check.account_id, PHOTO_TO_SOURCE)
        if providers[0].facts.needs_photo and not allowed:
            return NameAsked(check, (), Answer(Outcome.UNCLEAR, NO_CONSENT), "")
        photo = None
        if allowed and row.photo is not None and any(one.facts.needs_photo for one in providers):
            # A photograph whose key is destroyed is no photograph: staff are asked.
            with suppress(InvalidInput):
                photo = stations.vault.get(job.institution_id, row.photo)
        return _Matter(check, row, photo, allowed and photo is not None)


def _ask_one(
    house: "House",
    job: Job,
    matter: _Matter,
    provider: RealNameProvider,
    questions: list[tuple[str, Answer]],
) -> Answer:
    facts = provider.facts
    if facts.missing:
        return Answer(Outcome.REFUSED, "settings_missing")
    photo = matter.photo if facts.needs_photo else None
    if facts.needs_photo and photo is None:
        return Answer(Outcome.UNCLEAR, "photo_missing")
    with house.uow.for_institution(job.institution_id) as tx:
        question = house.at(tx).name_checks.leave(
            matter.check.id, facts.code, photo=None if photo is None else matter.row.photo
        )
    claim = Claim(normalise_name(matter.row.name), matter.row.citizen_id, photo, question)
    answer = provider.verify(claim)
    questions.append((question, answer))
    return answer


def _grace(house: "House", stations: "Stations", class_run: ClassRunId) -> Grace:
    """Return the values of the class run's profile; none where it gives none, so that staff are asked at once."""
    run = stations.registry.class_run(class_run)
    today = legal_date(house.study_clock.now())
    profile = house.rules.profile(run.profile)
    dates = LegalDates(opening=run.opens_on, study_second=today, event=today)

    def seconds(name: str) -> timedelta:
        try:
            return timedelta(seconds=profile.read(f"identity.grace_{name}_seconds", dates).integer())
        except NoRuleInForce:
            return timedelta(0)

    return Grace(seconds("timeout"), seconds("outage"), seconds("quota"), seconds("refused"))


def _plain(number: str) -> str:
    return "".join(number.split()).upper()
