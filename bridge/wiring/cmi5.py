"""cmi5 put together: who a learner's blind account is, what a unit is, and in whose name statements are kept."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.intake.cmi5.claims import UnitClaims
from bridge.intake.cmi5.model import LaunchMode
from bridge.intake.cmi5.package import read_package
from bridge.intake.cmi5.packages import Package, Packages
from bridge.intake.cmi5.registrations import Addresses, Registrations
from bridge.intake.cmi5.sessions import AuSession, FetchRefused, Sessions, key_digest, token_wrong
from bridge.intake.cmi5.structure import PackageFault
from bridge.intake.cmi5.tables import Cmi5SessionRow
from bridge.intake.xapi.model import Caller, Scope, Store, Version
from bridge.intake.xapi.service import Batch, Statements, read_batch
from bridge.intake.xapi.store import SqlStatements
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, CourseId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.wiring.house import House
from bridge.wiring.xapi import XapiDesk

SOURCE = "cmi5/course"
"""No operator can name a source so (a slash): what AUs say and keep is theirs alone."""
_SCOPES = frozenset({Scope.WRITE, Scope.READ_OWN, Scope.STATE, Scope.PROFILE})


def caller(institution: InstitutionId, credential: str) -> Caller:
    """Return whom the xAPI station sees behind an AU, or behind the bridge's own statements."""
    return Caller(credential, institution, SOURCE, _SCOPES, Store.RECORDS, None, Version.TWO)


class Cmi5Desk:
    """cmi5 in an open unit of work of one institution.

    Args:
        session: whose AU speaks; "" where none does.
    """

    def __init__(self, house: House, tx: Tx, session: str = "") -> None:
        self._house = house
        self._tx = tx
        self.packages = Packages(tx)
        self.claims = UnitClaims(tx)
        self.registrations = Registrations(
            tx,
            self.packages,
            self.claims,
            Addresses(house.settings.public_url),
            f"{house.settings.public_url}/xAPI/blind",
            self._blind,
            self._say,
        )
        self.sessions = Sessions(tx, self.registrations, _AuStatements(self, session))

    def import_package(
        self,
        file: IO[bytes],
        sha256: str,
        course: CourseId,
        units: Mapping[str, str],
        *,
        base: str | None,
        by: str,
    ) -> Package:
        """Import a course package for a course of the registry.

        Args:
            units: an AU, by its publisher's id or its number from 0 on → unit of the course.
            base: where the package's content is served.

        Raises:
            PackageFault: content_base, au_own_origin, au_insecure, and as `read_package`.
            InvalidInput: course_unknown, unit_unknown, and as `Packages.add`.
        """
        found = self._house.at(self._tx).registry_store.course(course)
        if found is None:
            raise InvalidInput("course_unknown", "没有这门课程", http_status=404)
        if base is not None and not (base.endswith("/") and urlsplit(base).scheme in ("https", "http")):
            raise PackageFault("content_base", "--content-base 须为以 / 结尾的地址")
        structure = read_package(file, base)
        for au in structure.aus:
            self._check_origin(au.url)
        known = {str(one.id) for one in found.units}
        if not known.issuperset(units.values()):
            raise InvalidInput("unit_unknown", "课程中没有所指的单元", http_status=422)
        named = {str(number): one.id for number, one in enumerate(structure.aus)}
        chosen = {named.get(au, au): unit for au, unit in units.items()}
        return self.packages.add(course, structure, sha256, chosen, by=by)

    def launch(self, au_id: str, learner: LearnerRef, class_run: ClassRunId, mode: LaunchMode) -> str:
        """Return the address with which a learner's browser opens an AU of the learner's class run.

        Raises:
            NotPermitted: class_run_not_open.
            InvalidInput: au_unknown (also for another course's), and as `Sessions.launch`.
        """
        stations = self._house.at(self._tx)
        stations.registry.require_enrolled(class_run, learner)
        run = stations.registry.class_run(class_run)
        package, _unit, _au = self.packages.of_au(au_id)
        if package.course != run.course_id:
            raise InvalidInput("au_unknown", "没有这个课件单元", http_status=404)
        opening = stations.registry.opening_decision(run, legal_date(self._house.study_clock.now()))
        if not opening.value:
            raise NotPermitted("class_run_not_open", opening.reasons[0].sentence_zh)
        return_url = f"{self._house.settings.public_url}/learner/cmi5"
        return self.sessions.launch(au_id, learner, class_run, mode, return_url)

    def xapi(self, session: str) -> XapiDesk:
        """Return the xAPI station's desk for the AU of a session."""
        return XapiDesk(self._house, self._tx, caller(self._tx.institution_id, session))

    def statements(self, credential: str, name: str) -> Statements:
        """Return what keeps statements, with `name` as authority."""
        xapi = self.xapi(credential)
        page = f"{self._house.settings.public_url}/xAPI"
        authority = {"objectType": "Agent", "account": {"homePage": page, "name": name}}
        whose = caller(self._tx.institution_id, credential)
        inbox = self._house.at(self._tx).inbox
        return Statements(self._tx, inbox, xapi.keeping, self._house.clock, whose, authority)

    def kept(self, ids: Sequence[str]) -> Collection[str]:
        """Return those of `ids` that are kept already."""
        return SqlStatements(self._tx, Store.RECORDS).existing(ids).keys()

    def _say(self, statements: Sequence[dict[str, Any]]) -> None:
        body = json.dumps(list(statements), ensure_ascii=False).encode()
        batch = read_batch(json.loads(body), (), Version.ONE, body)
        self.statements("none: the bridge itself", "cmi5/lms").receive(batch)

    def _blind(self, learner: LearnerRef, course: str) -> str:
        index = self._house.cipher.blind_index(
            f"{learner}|{course}", domain=f"{self._tx.institution_id}:cmi5_actor"
        )
        return f"blind_{index[:32]}"

    def _check_origin(self, url: str) -> None:
        parts, own = urlsplit(url), urlsplit(self._house.settings.public_url)
        if (parts.hostname, parts.port) == (own.hostname, own.port):
            raise PackageFault("au_own_origin", "课件不能放在安学桥自己的域名下:其脚本会以安学桥的身份运行")
        if parts.scheme != "https" and not self._house.settings.demonstration:
            raise PackageFault("au_insecure", "课件地址须为 https")


@dataclass(frozen=True, slots=True)
class _AuStatements:
    """`intake.cmi5.ports.AuStatements`."""

    desk: Cmi5Desk
    session: str

    def known(self, ids: Sequence[str]) -> Collection[str]:
        return self.desk.kept(ids)

    def receive(self, batch: Batch) -> object:
        return self.desk.statements(self.session, "cmi5/au").receive(batch)


def fetch_token(house: House, key: str) -> str:
    """Return the token of a one-time address; FetchRefused."""
    with house.uow.across_institutions("cmi5: whose one-time address is it?", read_only=True) as tx:
        wanted = select(Cmi5SessionRow.institution_id).where(Cmi5SessionRow.fetch_sha256 == key_digest(key))
        institution = tx.session.scalar(wanted)
    if institution is None:
        raise FetchRefused(2, "无法识别这个地址。")
    with house.uow.for_institution(InstitutionId(institution)) as tx:
        return Cmi5Desk(house, tx).sessions.fetch(key)


def open_session(house: House, session: str, secret: str) -> tuple[InstitutionId, AuSession]:
    """Return the session that a token opens; NotPermitted("token_wrong") (401)."""
    with house.uow.across_institutions("cmi5: whose token is it?", read_only=True) as tx:
        wanted = select(Cmi5SessionRow.institution_id).where(Cmi5SessionRow.id == session)
        found = tx.session.scalar(wanted)
    if found is None:
        raise token_wrong()
    institution = InstitutionId(found)
    with house.uow.for_institution(institution, read_only=True) as tx:
        return institution, Cmi5Desk(house, tx).sessions.opened(session, secret)
