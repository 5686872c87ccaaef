"""Launch sessions: begun by the bridge, opened once by the AU, spoken in under the profile's rules, and ended."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.intake.cmi5.model import Au, LaunchMode, SessionState, Verb
from bridge.intake.cmi5.ports import AuStatements
from bridge.intake.cmi5.registrations import Registrations, plain_uuid
from bridge.intake.cmi5.rules import Launched, Standing, judge
from bridge.intake.cmi5.said_by_lms import Json, context_template, launch_data
from bridge.intake.cmi5.tables import Cmi5RegistrationRow, Cmi5SessionRow, Cmi5StandingRow
from bridge.intake.video.rules import claims_video, read_video
from bridge.intake.xapi.formats import instant
from bridge.intake.xapi.service import Batch
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef

FETCH_FOR = timedelta(minutes=10)
"""How long the AU may take to ask for its token."""
SESSION_FOR = timedelta(hours=12)
"""After this a session that nobody ended takes nothing more."""
SPOKEN_OF = frozenset({Verb.COMPLETED, Verb.PASSED, Verb.FAILED})


class FetchRefused(Exception):  # the answer that the profile foresees (§8.2.3), told with 200
    """The one-time address gives no token; `code` is 1 (used or expired) or 2 (unknown)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class AuSession:
    """A session as the door sees it once its secret was shown; `prepared`: the learner's preferences were read."""

    id: str
    registration: str
    activity_id: str
    actor: Mapping[str, Any]
    active: bool
    prepared: bool
    launch_data: Mapping[str, Any]


class Sessions:
    """The sessions of one institution, in an open unit of work.

    Args:
        as_au: keeps statements in an AU's name.
    """

    def __init__(self, tx: Tx, registrations: Registrations, as_au: AuStatements) -> None:
        self._tx = tx
        self._registrations = registrations
        self._packages = registrations.packages
        self._addresses = registrations.addresses
        self._as_au = as_au

    def launch(
        self, au_id: str, learner: LearnerRef, class_run: ClassRunId, mode: LaunchMode, return_url: str
    ) -> str:
        """Begin a session and return the address to launch; what was still active in the registration is abandoned.

        Raises:
            InvalidInput: au_unknown, package_retired, launch_race.
        """
        package, _unit, au = self._packages.of_au(au_id)
        if package.retired_at is not None:
            raise InvalidInput("package_retired", "这个课件已停用,请联系培训机构", http_status=409)
        registration = self._registrations.of(package, learner, class_run)
        said = [self._abandoned(row) for row in self._active(registration.id)]
        now = self._tx.clock.now()
        key = secrets.token_urlsafe(32)
        session = plain_uuid()
        template = context_template(session, au.id)
        self._tx.session.add(
            Cmi5SessionRow(
                id=session,
                institution_id=self._tx.institution_id,
                registration_id=registration.id,
                au_id=au_id,
                mode=mode,
                state=SessionState.LAUNCHED,
                launch_data=launch_data(au, template, mode, return_url),
                said="",
                launched_at=now,
                expires_at=now + SESSION_FOR,
                fetch_sha256=key_digest(key),
                fetch_until=now + FETCH_FOR,
            )
        )
        self._tx.session.flush()
        speaker = self._registrations.speaker(registration)
        activity = self._addresses.activity(au_id)
        said.append(speaker.launched(session, activity, au, mode, template, now))
        self._registrations.as_lms(said)
        return _with_parameters(
            au.url,
            {
                "endpoint": self._addresses.endpoint,
                "fetch": self._addresses.fetch(key),
                "actor": json.dumps(speaker.actor, separators=(",", ":")),
                "registration": registration.id,
                "activityId": activity,
            },
        )

    def fetch(self, key: str) -> str:
        """Return the session's token, once; FetchRefused for a key that is unknown, used or late."""
        row = self._tx.session.scalar(
            select(Cmi5SessionRow).where(Cmi5SessionRow.fetch_sha256 == key_digest(key)).with_for_update()
        )
        if row is None:
            raise FetchRefused(2, "无法识别这个地址。")
        now = self._tx.clock.now()
        if row.fetched_at is not None:
            raise FetchRefused(1, "授权令牌已经取走,请从学习页面重新打开课件。")
        if now >= row.fetch_until or not SessionState(row.state).active:
            raise FetchRefused(1, "地址已过期,请从学习页面重新打开课件。")
        secret = secrets.token_urlsafe(32)
        row.fetched_at = now
        row.token_sha256 = key_digest(secret)
        self._tx.session.flush()
        return base64.b64encode(f"{row.id}:{secret}".encode()).decode()

    def opened(self, session: str, secret: str) -> AuSession:
        """Return the session of a token; NotPermitted("token_wrong") (401), the same for each reason."""
        row = self._tx.session.get(Cmi5SessionRow, session)
        if (
            row is None
            or row.token_sha256 is None
            or not hmac.compare_digest(key_digest(secret), row.token_sha256)
        ):
            raise token_wrong()
        registration = self._tx.session.get_one(Cmi5RegistrationRow, row.registration_id)
        return AuSession(
            id=row.id,
            registration=row.registration_id,
            activity_id=self._addresses.activity(row.au_id),
            actor=self._registrations.speaker(registration).actor,
            active=SessionState(row.state).active and self._tx.clock.now() < row.expires_at,
            prepared=row.preferences_read_at is not None,
            launch_data=row.launch_data,
        )

    def note_preferences_read(self, session: str) -> None:
        """Remember that the AU read the learner's preferences, there or not."""
        row = self._tx.session.get_one(Cmi5SessionRow, session)
        row.preferences_read_at = row.preferences_read_at or self._tx.clock.now()
        self._tx.session.flush()

    def receive(self, session: str, batch: Batch) -> None:
        """Take what an AU says; all of it or nothing. What is sent again says nothing new.

        Raises:
            Cmi5Fault: of the first statement that breaks the profile.
            VideoFault: of the first that claims the video profile and breaks that one.
            NotPermitted: session_over.
            InvalidInput: as the xAPI door's.
        """
        registration, row = self._locked(session)
        statements = batch.statements
        known = self._as_au.known([one["id"] for one in statements])
        fresh = [one for one in statements if one["id"] not in known]
        if not SessionState(row.state).active or self._tx.clock.now() >= row.expires_at:
            again = bool(statements) and statements[-1]["id"] == row.last_statement and not fresh
            if not again:
                raise NotPermitted("session_over", "本次课件会话已结束,不再接收数据;请从学习页面重新打开。")
        package, unit, au = self._packages.of_au(row.au_id)
        standing = self._registrations.standing(registration.id, row.au_id)
        launched = self._launched(row, registration, au)
        stands = Standing(
            said=frozenset(Verb.of_word(one) for one in row.said.split()),
            completed=standing.completed_at is not None,
            passed=standing.passed_at is not None,
            initialized_at=row.initialized_at,
            last_at=row.last_at,
            prepared=row.preferences_read_at is not None,
        )
        heard: list[tuple[Verb, Json]] = []
        videos = []
        for statement in fresh:
            stands, verb = judge(statement, launched, stands)
            if claims_video(statement):
                videos.append((statement, read_video(statement)))
            if verb is not None:
                heard.append((verb, statement))
        self._as_au.receive(batch)
        self._keep(row, stands)
        for verb, statement in heard:
            self._hear(row, standing, registration, unit, verb, statement)
        for statement, watched in videos:
            self._registrations.claim_video(registration, unit, statement, watched)
        self._tx.session.flush()
        if any(verb in SPOKEN_OF for verb, _statement in heard):
            self._registrations.say_satisfied(registration, package, session)

    def abandon(self, session: str) -> None:
        """End an active session that its AU did not end; InvalidInput: session_unknown, session_over."""
        _registration, row = self._locked(session)
        if not SessionState(row.state).active:
            raise InvalidInput("session_over", "本次课件会话已结束", http_status=409)
        self._registrations.as_lms([self._abandoned(row)])

    def _locked(self, session: str) -> tuple[Cmi5RegistrationRow, Cmi5SessionRow]:
        """Return registration and session as they stand once nobody else changes them; InvalidInput: session_unknown.

        The registration first: two AUs of it that speak at once wait for each other in one order.
        """
        known = self._tx.session.scalar(
            select(Cmi5SessionRow.registration_id).where(Cmi5SessionRow.id == session)
        )
        if known is None:
            raise InvalidInput("session_unknown", "没有这个课件会话", http_status=404)
        registration = self._registrations.locked(known)
        row = self._tx.session.scalars(
            select(Cmi5SessionRow).where(Cmi5SessionRow.id == session).with_for_update()
        ).one()
        return registration, row

    def _active(self, registration_id: str) -> Sequence[Cmi5SessionRow]:
        return self._tx.session.scalars(
            select(Cmi5SessionRow)
            .where(
                Cmi5SessionRow.registration_id == registration_id,
                Cmi5SessionRow.state.in_([SessionState.LAUNCHED, SessionState.INITIALIZED]),
            )
            .order_by(Cmi5SessionRow.launched_at, Cmi5SessionRow.id)
            .with_for_update()
        ).all()

    def _abandoned(self, row: Cmi5SessionRow) -> Json:
        """End the session; return the statement that says so."""
        now = self._tx.clock.now()
        _package, _unit, au = self._packages.of_au(row.au_id)
        registration = self._tx.session.get_one(Cmi5RegistrationRow, row.registration_id)
        row.state, row.ended_at = SessionState.ABANDONED, now
        self._tx.session.flush()
        lasted = (row.last_at or row.launched_at) - row.launched_at
        template = row.launch_data["contextTemplate"]
        activity = self._addresses.activity(row.au_id)
        return self._registrations.speaker(registration).abandoned(
            row.id, activity, au, template, lasted, now
        )

    def _launched(self, row: Cmi5SessionRow, registration: Cmi5RegistrationRow, au: Au) -> Launched:
        # As the launch told it, whatever the package says now.
        mastery = row.launch_data.get("masteryScore")
        return Launched(
            session_id=row.id,
            registration=registration.id,
            activity_id=self._addresses.activity(row.au_id),
            publisher_id=au.id,
            account=(self._registrations.blind_page, registration.actor),
            mode=LaunchMode(row.mode),
            mastery_score=None if mastery is None else Decimal(str(mastery)),
        )

    def _keep(self, row: Cmi5SessionRow, stands: Standing) -> None:
        row.said = " ".join(sorted(one.word for one in stands.said))
        row.initialized_at, row.last_at = stands.initialized_at, stands.last_at
        if SessionState(row.state) is SessionState.LAUNCHED and Verb.INITIALIZED in stands.said:
            row.state = SessionState.INITIALIZED

    def _hear(
        self,
        row: Cmi5SessionRow,
        standing: Cmi5StandingRow,
        registration: Cmi5RegistrationRow,
        unit: str | None,
        verb: Verb,
        statement: Json,
    ) -> None:
        at = instant(statement["timestamp"])
        if verb is Verb.TERMINATED:
            row.state, row.ended_at = SessionState.TERMINATED, self._tx.clock.now()
            row.last_statement = statement["id"]
        if verb not in SPOKEN_OF:
            return
        setattr(standing, f"{verb.word}_at", at)
        scaled = statement.get("result", {}).get("score", {}).get("scaled")
        value = {} if scaled is None else {"scaled": str(scaled)}
        if scaled is not None:
            standing.scaled = str(scaled)[:40]
        self._registrations.claim(registration, unit, verb.word, at, value, statement["id"])


def token_wrong() -> NotPermitted:
    """Return the one answer to every token that opens nothing."""
    return NotPermitted("token_wrong", "课件的授权令牌无效,请从学习页面重新打开课件", http_status=401)


def _with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(one for one in (parts.query, urlencode(parameters)) if one)
    return urlunsplit(parts._replace(query=query))


def key_digest(secret: str) -> str:
    """Return what is kept of a key or secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
