"""What identity does: know accounts, take consent, verify real names, disclose for a logged purpose."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.identity.consent import CURRENT, FACE, FACE_SEARCH, require_current
from bridge.identity.documents import CITATIONS, Document, plain_number, read_document
from bridge.identity.enrolment_entries import load_list
from bridge.identity.model import (
    ACCOUNT_BOUND,
    ACCOUNT_RELEASED,
    CONSENT_GIVEN,
    CONSENT_REVOKED,
    IDENTITY_VERIFIED,
    Account,
    AccountRecord,
    Consent,
    DisclosedIdentity,
    DocumentKind,
    ListRow,
    context_of,
    is_name,
    normalise_name,
)
from bridge.identity.name_variants import differ_in_variants_alone
from bridge.identity.ports import ClassRunFinder, IdentityStore, Now, RealNameDesk
from bridge.identity.provider_model import Standing
from bridge.kernel.citation import Basis, Citation
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import Events
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, LearnerRef, RegistrationId
from bridge.kernel.time import legal_date, rfc3339
from bridge.registry.model import EnrolmentEntry
from bridge.rules.model import Decision, Reason

_MAX_REFUSALS = 10
_REFUSALS_WITHIN = timedelta(hours=24)
"""Practice: a list of citizen ids cannot be felt out through the form."""
_MAX_SUB = 255
_OF_FACES = frozenset({FACE, FACE_SEARCH})
"""Purposes of which other stations hear."""

_BRIDGE = "bridge"
"""In place of a pack's id: these reasons rest on no rule pack."""
_PRACTICE = Citation(Basis.PRACTICE, "安学桥实名核验")

_REFUSALS: Mapping[str, str] = {
    "name_malformed": "姓名只能填写文字和间隔点,请按证件填写。",
    "not_on_enrolment_list": "本班次的报名名单中没有这个证件号码,请核对;确认无误请联系培训机构。",
    "name_mismatch": "姓名与身份证号码不一致,请按证件填写;如报名信息有误,请联系培训机构更正。",
    "name_variant": "您填写的姓名与报名名单只差繁简字。请按证件上的字填写;如名单写错,请联系培训机构更正。",
    "real_name_no_record": "核验服务没有查到这个身份证号码,请联系培训机构人工核验。",
    "real_name_pending": "已提交核对,通常几秒钟有结果;核验服务繁忙时会自动再试,您不用重复提交。",
    "real_name_staff_check": "请带上证件,请培训机构工作人员当面核对,核对后即可继续,不影响您报名。",
    "account_already_bound": "当前学习账号已由另一位学员实名使用,请换用您本人的账号登录。",
    "person_already_bound": "您已用另一个学习账号完成实名,一人只能使用一个账号,请用原账号登录。",
    "record_merged": "本班次的学习记录在您的另一份学员记录中,请联系培训机构。",
    "too_many_attempts": "实名核验失败次数过多,请 24 小时后再试,或联系培训机构。",
}

_AGAINST_NOBODY = frozenset(
    {"name_variant", "real_name_pending", "real_name_staff_check", "real_name_no_record"}
)
"""Not counted as a try: the question is open, the source does not know the number, or a name is written otherwise."""
_STANDINGS: Mapping[Standing, str | None] = {
    Standing.MATCH: None,
    Standing.MISMATCH: "name_mismatch",
    Standing.NO_RECORD: "real_name_no_record",
    Standing.PENDING: "real_name_pending",
    Standing.STAFF: "real_name_staff_check",
}


class IdentityService:
    """Use cases of identity inside one institution's unit of work.

    Args:
        clock: real time.
        desk: who says whether name and number belong together, now or later.
        class_runs: the registry.
    """

    def __init__(
        self,
        store: IdentityStore,
        events: Events,
        clock: Now,
        desk: RealNameDesk,
        class_runs: ClassRunFinder,
        evidence: EvidencePort,
    ) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._desk = desk
        self._class_runs = class_runs
        self._evidence = evidence

    def recognise(self, registration_id: RegistrationId, sub: str, claims: Mapping[str, Any]) -> Account:
        """Return the account of a verified launch, made at first sight.

        A learner who proved who they are once is verified for a further class run by standing on its list.

        Args:
            claims: the launch's claims (lti: `LaunchClaims.raw`); only the context is read.

        Raises:
            InvalidInput("sub_malformed")
        """
        if not 1 <= len(sub) <= _MAX_SUB:
            raise InvalidInput("sub_malformed", "学习平台没有给出有效的账号,请从课程页面重新进入。")
        record = self._store.account_for(registration_id, sub)
        if record is None:
            record = self._store.add_account(registration_id, sub, self._clock.now())
        context = context_of(claims)
        run = None if context is None else self._class_runs.class_run_for(registration_id, context)
        listed = False
        if record.learner is not None and run is not None:
            listed = self._stands_on_list(record.learner, run)
        return Account(record.account_id, record.learner, run, listed)

    def account_for(self, registration_id: RegistrationId, sub: str) -> AccountRecord | None:
        """Return the account that a webhook or an agent's token names; None if it never launched."""
        return self._store.account_for(registration_id, sub)

    def verify_real_name(
        self, account_id: str, class_run: ClassRunId, name: str, citizen_id: str
    ) -> Decision[LearnerRef | None]:
        """Return the learner who owns the account from now on, or None and why not.

        Reasons: citizen_id_malformed, citizen_id_check_digit, name_malformed, not_on_enrolment_list,
        name_mismatch, name_variant, real_name_no_record, real_name_pending, real_name_staff_check,
        account_already_bound, person_already_bound, record_merged, too_many_attempts; with a learner only the warnings
        citizen_id_area_unknown, document_form_only. The same person again is accepted again.

        Args:
            citizen_id: the number of any of `model.DocumentKind`.

        Raises:
            InvalidInput("account_unknown")
        """
        account = self._account(account_id)
        now = self._clock.now()
        if self._store.refusals_since(account_id, now - _REFUSALS_WITHIN) >= _MAX_REFUSALS:
            return Decision(None, (_practice_reason("too_many_attempts"),))
        try:
            document = self._document(class_run, citizen_id)
        except InvalidInput as error:
            self._store.add_refusal(account_id, error.reason, now)
            return Decision(None, (_number_reason(error.reason, error.message),))
        number = document.number
        row = self._store.list_row(class_run, number)
        code = self._what_is_wrong(row, normalise_name(name))
        if code is None:
            # What is looked at from here on is decided by nobody else meanwhile: a change to the same number, a merge.
            self._store.take_turn()
        learner = self._store.learner_with(number)
        if code is None and account.learner is not None and account.learner != learner:
            code = "account_already_bound"
        if code is None and learner is not None and self._store.owner(learner) not in (None, account_id):
            code = "person_already_bound"
        if code is None and row is not None and row.learner not in (None, learner):
            # The class run was studied under another record of the same human, and goes on being counted there.
            code = "record_merged"
        if code is None and row is not None and not self._is_owner(account, learner, row):
            code = _STANDINGS[self._desk.ask(account_id, row)]
        if code is None and row is not None:
            learner = learner or self._store.add_learner(row.name, number, now)
            bound = account.learner is None and self._store.bind(account_id, learner, now)
            if account.learner is None and not bound:
                code = "person_already_bound"
            else:
                self._claim(row, learner)
            if bound:
                self._tell(ACCOUNT_BOUND, account_id, learner, account=account_id)
        if code is not None or learner is None:
            code = code or "not_on_enrolment_list"
            if code not in _AGAINST_NOBODY:
                self._store.add_refusal(account_id, code, now)
            return Decision(None, (self._reason(code, class_run),))
        return Decision(learner, _warnings(document))

    def release_account(self, account_id: str, *, reason: str, by: str) -> bool:
        """End the account's binding, so that the person may use another, and tell; False if there was none.

        Args:
            reason: a code of `model.RELEASE_REASONS`.
            by: a staff id.
        """
        account, now = self._store.account(account_id), self._clock.now()
        if account is None or account.learner is None or not self._store.release(account_id, now, reason, by):
            return False
        self._events.emit(
            ACCOUNT_RELEASED,
            account.learner,
            occurred_at=now,
            idempotency_key=f"{account_id}|{rfc3339(now)}",
            data={
                "learner": account.learner,
                "account": account_id,
                "by": by,
                "reason": reason,
                "at": rfc3339(now),
            },
        )
        return True

    def hand_over_account(self, account_id: str, learner: LearnerRef) -> bool:
        """Bind an account that nobody owns to a record without one, and tell; False, with nothing changed, else.

        For the records of one human alone: who that is was proved before.
        """
        if not self._store.bind(account_id, learner, self._clock.now()):
            return False
        self._tell(ACCOUNT_BOUND, account_id, learner, account=account_id)
        return True

    def give_back(self, row: ListRow, learner: LearnerRef) -> None:
        """Give a place on an enrolment list to the record whose document it is by, and tell.

        For the records of an undone merge alone: who that is was proved before.
        """
        self._claim(row, learner, told=f"{row.id}|{learner}|{rfc3339(self._clock.now())}")

    def give_consent(self, account_id: str, purpose: str, version: str) -> Consent:
        """Record consent to the text as it is shown now; twice is once.

        Raises:
            InvalidInput: account_unknown, consent_purpose_unknown, consent_version_outdated.
        """
        account = self._account(account_id)
        require_current(purpose, version)
        if not self.has_consent(account_id, purpose):
            self._store.add_consent(account_id, purpose, version, self._clock.now())
            if account.learner is not None and purpose in _OF_FACES:
                self._tell(CONSENT_GIVEN, account_id, account.learner, purpose=purpose)
        return self._store.consents(account_id, purpose)[-1]

    def revoke_consent(self, account_id: str, purpose: str = FACE) -> int:
        """Withdraw consent at once, and that to faces with all face templates; return how many became noise.

        Who takes back the consent to faces takes back the search among faces with it. Templates of records that were
        merged into the learner's end, too.

        Raises:
            InvalidInput: account_unknown, consent_purpose_unknown.
        """
        account = self._account(account_id)
        if purpose not in CURRENT:
            raise InvalidInput("consent_purpose_unknown", "没有这一项同意,请刷新页面后重试。")
        now = self._clock.now()
        gone = (FACE, FACE_SEARCH) if purpose == FACE else (purpose,)
        for one in gone:
            held = any(consent.revoked_at is None for consent in self._store.consents(account_id, one))
            self._store.revoke_consents(account_id, one, now)
            if account.learner is not None and one in _OF_FACES and (held or one == purpose):
                self._tell(CONSENT_REVOKED, account_id, account.learner, purpose=one)
        if account.learner is None or purpose != FACE:
            return 0
        return sum(
            self._evidence.destroy(
                EvidenceScope(
                    self._store.institution_id,
                    record,
                    EvidencePurpose.FACE_TEMPLATE,
                    row.class_run,
                ),
                reason="consent_withdrawn",
                by=account_id,
            )
            for record in self._store.records_of(account.learner)
            for row in self._store.list_rows_of(record)
        )

    def has_consent(self, account_id: str, purpose: str = FACE) -> bool:
        """Return whether the account's consent to the current text is in force."""
        return any(
            consent.revoked_at is None and consent.version == CURRENT[purpose].version
            for consent in self._store.consents(account_id, purpose)
        )

    def owner_of_account(self, account_id: str) -> LearnerRef | None:
        """Return who proved to own the account; None for nobody."""
        account = self._store.account(account_id)
        return None if account is None else account.learner

    def real_name_stands(self, account_id: str) -> bool:
        """Return whether somebody proved to own the account, by whichever way they study."""
        return self.owner_of_account(account_id) is not None

    def may_process_face(self, learner: LearnerRef) -> bool:
        """See `ports.FaceConsent`."""
        return self.consent_in_force(learner, FACE)

    def consent_in_force(self, learner: LearnerRef, purpose: str) -> bool:
        """Return whether the learner, under the account that they own, consents to the current text of `purpose`.

        A search among faces needs the consent to faces beside its own.
        """
        needed = (purpose, FACE) if purpose == FACE_SEARCH else (purpose,)
        return all(self._store.owner_consents(learner, one, CURRENT[one].version) for one in needed)

    def roster_photo(self, learner: LearnerRef, class_run: ClassRunId) -> bytes | None:
        """See `ports.RosterPhotos`."""
        if not self.may_process_face(learner):
            raise NotPermitted("consent_required", "请先阅读并同意人脸信息处理同意书。")
        row = self._store.list_row_of(class_run, learner)
        if row is None or row.photo is None:
            return None
        return self._evidence.get(self._store.institution_id, row.photo)

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
        """See `ports.IdentityDisclosure`.

        The employer is that of the learner's newest enrolment list, where none was changed by two people.
        """
        for text, limit in ((purpose, 64), (recipient, 120), (by, 80)):
            if not 1 <= len(text.strip()) <= limit:
                raise InvalidInput("disclosure_purpose_missing", "查看个人信息须写明用途、接收方和操作人。")
        then = at or self._clock.now()
        person = self._store.person_on(learner, legal_date(then), at)
        if person is None:
            raise InvalidInput("learner_unknown", "没有这名学员,请刷新后重试。", http_status=404)
        name, number, employer = person
        if employer is None:
            employer = self._employer_listed(learner, number, at)
        self._store.log_disclosure(learner, what, purpose, recipient, by, self._clock.now())
        return DisclosedIdentity(name, number, employer)

    def _employer_listed(self, learner: LearnerRef, number: str, at: datetime | None) -> str:
        """Return the employer of the newest list that holds the person by a document of their own.

        After an undone merge a place by the other person's document may still stand under this record.
        """
        numbers: Sequence[str] = (number,)
        for row in reversed(self._store.list_rows_of(learner, at)):
            if row.citizen_id not in numbers and len(numbers) == 1:
                numbers = (number, *self._store.numbers_of(learner))
            if row.citizen_id in numbers:
                return row.employer
        return ""

    def load_enrolment_list(
        self, entries: Sequence[EnrolmentEntry], photographs: Callable[[str], bytes]
    ) -> int:
        """Write the people of enrolment lists; return how many are new. The same list twice changes nothing.

        A person who has not proved who they are yet is corrected by a later list; who has, never.

        Args:
            photographs: symbol of a photo → its bytes (JPEG or PNG); LookupError for an unknown symbol.

        Raises:
            InvalidInput: enrolment_entry_invalid, enrolment_person_twice, enrolment_list_conflict,
                photo_unknown, photo_malformed; the message names file and entry, never the person.
        """
        return load_list(self._store, self._evidence, self._clock.now(), entries, photographs)

    def _what_is_wrong(self, row: ListRow | None, name: str) -> str | None:
        if not is_name(name):
            return "name_malformed"
        if row is None:
            return "not_on_enrolment_list"
        if normalise_name(row.name) == name:
            return None
        return "name_variant" if differ_in_variants_alone(row.name, name) else "name_mismatch"

    def _document(self, class_run: ClassRunId, typed: str) -> Document:
        """Return the document whose number was typed; nine digits are a passport's where the list holds them."""
        try:
            return read_document(typed, legal_date(self._clock.now()))
        except InvalidInput:
            row = self._store.list_row(class_run, plain_number(typed))
            if row is None:
                raise
            return Document(row.citizen_id)

    def _is_owner(self, account: AccountRecord, learner: LearnerRef | None, row: ListRow) -> bool:
        """Return whether the account's owner is known already to be the person of the row."""
        return learner is not None and account.learner == learner and row.learner == learner

    def _stands_on_list(self, learner: LearnerRef, run: ClassRunId) -> bool:
        if self._store.list_row_of(run, learner) is not None:
            return True
        rows = [self._store.list_row(run, number) for number in self._store.numbers_of(learner)]
        names = {normalise_name(name) for name in self._store.names_of(learner)}
        row = next((one for one in rows if one is not None), None)
        if row is None or row.learner not in (None, learner) or normalise_name(row.name) not in names:
            return False
        self._claim(row, learner)
        return True

    def _claim(self, row: ListRow, learner: LearnerRef, *, told: str = "") -> None:
        self._store.claim_list_row(row.id, learner)
        self._events.emit(
            IDENTITY_VERIFIED,
            learner,
            occurred_at=self._clock.now(),
            idempotency_key=told or row.id,
            data={"learner": learner, "class_run": row.class_run, "enrolment_list_row": row.id},
        )

    def _tell(self, what: str, account_id: str, learner: LearnerRef, **data: str) -> None:
        now = self._clock.now()
        self._events.emit(
            what,
            learner,
            occurred_at=now,
            idempotency_key=f"{account_id}|{rfc3339(now)}|{data.get('purpose', '')}",
            data={"learner": learner, **data},
        )

    def _reason(self, code: str, class_run: ClassRunId) -> Reason:
        """Return the reason by the class run's own rules; as our practice where they ask for no real name."""
        rule = self._class_runs.real_name_rule(class_run)
        return _practice_reason(code) if rule is None else rule.reason(code, _REFUSALS[code])

    def _account(self, account_id: str) -> AccountRecord:
        account = self._store.account(account_id)
        if account is None:
            raise InvalidInput("account_unknown", "没有这个学习账号,请从课程页面重新进入。", http_status=404)
        return account


def _practice_reason(code: str) -> Reason:
    return Reason(code, _REFUSALS[code], _BRIDGE, "identity.real_name_tries", _PRACTICE)


def _number_reason(code: str, sentence: str, kind: DocumentKind = DocumentKind.RESIDENT_CARD) -> Reason:
    return Reason(code, sentence, _BRIDGE, "identity.citizen_id", CITATIONS[kind])


def _warnings(document: Document) -> tuple[Reason, ...]:
    """Return what is worth saying of a number that was accepted."""
    if document.form_only:
        sentence = "这种证件号码没有可核对的校验位,只核对了写法和报名名单。"
        return (_number_reason("document_form_only", sentence, document.kind),)
    if document.area_known:
        return ()
    warning = "证件号码的地区码不在现行代码中(旧证件可能如此),已通过核验。"
    return (_number_reason("citizen_id_area_unknown", warning),)
