"""All that the bridge keeps of one learner of an institution, put together for that learner alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.archive.retention import YEARS
from bridge.db.unit_of_work import Tx
from bridge.identity.access_log import newest
from bridge.identity.bindings import bindings_of
from bridge.identity.consent import CURRENT
from bridge.identity.deletion_requests import OUTCOMES, DeletionRequest
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.kernel.time import from_epoch_ms, legal_date, rfc3339
from bridge.presence.supervised import MODES_ZH
from bridge.rules.model import NoRuleInForce
from bridge.wiring.deletion import said_in_words
from bridge.wiring.key_terms import CHANGE_EVIDENCE_DAYS, LIKENESS_DAYS, PHOTO_DAYS, TEMPLATE_DAYS, KeyTerms
from bridge.wiring.my_data_kept import evidence_kept, faces_kept, likenesses_kept
from bridge.wiring.my_statements import statements_of

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

OWN_PAGE = "learner.own_page"
_ACCESSES = 300
_RULES = (TEMPLATE_DAYS, PHOTO_DAYS, CHANGE_EVIDENCE_DAYS, LIKENESS_DAYS, *YEARS.values())
ROLES_ZH = {
    "institution": "培训机构工作人员",
    "authority": "监管部门人员",
    "administrator": "系统管理员",
    "operator": "运营单位人员",
    "system": "系统自动处理",
    "self": "您本人",
}


def own_data(
    house: "House", institution: InstitutionId, account_id: str, learner: LearnerRef
) -> dict[str, Any]:
    """Return what is kept of the human as JSON values, names and numbers masked. The look itself is logged.

    All of it, merged records within: two records of one human are one person's data.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        person = stations.identity.disclose(
            learner, purpose=OWN_PAGE, recipient="学员本人", by=account_id
        ).masked()
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations, terms = house.at(tx), KeyTerms(house, tx)
        records = stations.changes.records_of(learner)
        owner = stations.registry_store.institution()
        titles: dict[str, str] = {run.id: run.title for run in terms.runs.values()}
        found = {
            "made_at": rfc3339(house.clock.now()),
            "institution": owner.name if owner else "",
            "learner": learner,
            "records": len(records),
            "person": {"name": person.name, "citizen_id": person.citizen_id, "employer": person.employer},
            "accounts": _accounts(tx, house, records),
            "consents": _consents(tx, house, records),
            "faces": faces_kept(house, tx, stations, records),
            "likenesses": likenesses_kept(tx, terms, records),
            "evidence": evidence_kept(tx, terms, records),
            "statements": statements_of(house, tx, records),
            "class_runs": [
                _class_run(stations, record, run)
                for record in records
                for run in stations.registry.class_runs_of(record)
            ],
            "supervision": [
                {
                    "class_run": one.class_run,
                    "mode": one.mode.value,
                    "mode_zh": MODES_ZH[one.mode],
                    "from": rfc3339(from_epoch_ms(one.started_ms)),
                    "until": None if one.ended_ms is None else rfc3339(from_epoch_ms(one.ended_ms)),
                }
                for record in records
                for one in stations.supervised.of_learner(record)
            ],
            "rules": _rules(stations, house, records),
            "deletion_requests": [_request(one, titles) for one in stations.deletion_requests.of(*records)],
        }
        accesses = [
            one for record in records for one in newest(tx, learner=record, before=None, limit=_ACCESSES)
        ]
    found["accesses"] = _accesses(
        house, account_id, sorted(accesses, key=lambda one: one.seq or 0, reverse=True)[:_ACCESSES]
    )
    return found


def _request(one: DeletionRequest, titles: dict[str, str]) -> dict[str, Any]:
    return {
        "asked_at": rfc3339(one.asked_at),
        "handled_at": None if one.handled_at is None else rfc3339(one.handled_at),
        "outcome": None if one.outcome is None else OUTCOMES[one.outcome],
        "said": said_in_words(one.said, titles),
    }


def _accounts(tx: Tx, house: "House", records: Sequence[LearnerRef]) -> list[dict[str, Any]]:
    names = {one.id: one.name for one in house.at(tx).platforms.all()}
    return [
        {
            "platform": names.get(one.registration, one.registration),
            "bound_at": rfc3339(one.bound_at),
            "ended_at": None if one.ended_at is None else rfc3339(one.ended_at),
        }
        for record in records
        for one in bindings_of(tx, record)
    ]


def _consents(tx: Tx, house: "House", records: Sequence[LearnerRef]) -> list[dict[str, Any]]:
    store = SqlIdentityStore(tx, house.cipher)
    accounts = [one.account_id for record in records for one in bindings_of(tx, record)]
    held = store.owner(records[0])
    found = []
    for purpose, text in CURRENT.items():
        for account in dict.fromkeys(accounts):
            for one in store.consents(account, purpose):
                current = one.revoked_at is None and one.version == text.version and account == held
                found.append(
                    {
                        "purpose": purpose,
                        "title": text.title,
                        "version": one.version,
                        "given_at": rfc3339(one.given_at),
                        "revoked_at": None if one.revoked_at is None else rfc3339(one.revoked_at),
                        "in_force": current,
                    }
                )
    return found


def _class_run(stations: "Stations", learner: LearnerRef, run: Any) -> dict[str, Any]:
    sheet = stations.registry.class_run_sheet(run, learner)
    statement = stations.ledger.statement(learner, run, whole=False)
    checks = stations.presence_store.checks_of(learner, run)
    return {
        "class_run": run,
        "title": sheet.class_run.title,
        "enrolled_on": sheet.enrolled_on.isoformat(),
        "ledger_entries": stations.ledger.head(learner, run).seq,
        "ledger_head": stations.ledger.head(learner, run).hash,
        "credited_seconds": statement.credited_seconds,
        "provisional_seconds": statement.provisional_seconds,
        "refused_seconds": sum(statement.refused_seconds.values()),
        "checks": len(checks),
        "papers": [
            {"number": paper.number, "kind": paper.kind.value}
            for paper in stations.completion_store.papers(learner, run)
        ],
    }


def _rules(stations: "Stations", house: "House", records: Sequence[LearnerRef]) -> list[str]:
    """Return the packs' sentences on how long the learner's file is kept, each with whose word it is."""
    found: dict[str, None] = {}
    for run in (run for record in records for run in stations.registry.class_runs_of(record)):
        profile = house.rules.profile(stations.registry.class_run(run).profile)
        today = legal_date(house.clock.now())
        for name in (*_RULES, "retention.raw_beats_days"):
            try:
                rule = profile.value(name, today)
            except NoRuleInForce:
                continue
            found[f"{rule.parameter.text_zh}({rule.parameter.citation})"] = None
    return list(found)


def _accesses(house: "House", account_id: str, rows: list[Any]) -> list[dict[str, Any]]:
    """Return who looked: when, in which role, why; never who by name. The learner's own visits are left out."""
    others = [row for row in rows if row.purpose != OWN_PAGE]
    with house.uow.across_institutions("roles of who looked at a learner", read_only=True) as tx:
        staff = house.at(tx).staff
        accounts = {row.by: staff.by_id(row.by) for row in others}
    found = []
    for row in others:
        account = accounts[row.by]
        role = "self" if row.by == account_id else account.role if account is not None else "system"
        if row.purpose.startswith("supervision:"):
            role = "authority"
        found.append(
            {
                "at": rfc3339(row.at),
                "role": role,
                "role_zh": ROLES_ZH.get(role, role),
                "purpose": row.purpose,
                "what": row.what,
            }
        )
    return found
