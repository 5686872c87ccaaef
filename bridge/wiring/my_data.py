"""All that the bridge keeps of one learner of an institution, put together for that learner alone."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow
from bridge.identity.access_log import newest
from bridge.identity.bindings import bindings_of
from bridge.identity.consent import CURRENT
from bridge.identity.deletion_requests import OUTCOMES
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.kernel.time import from_epoch_ms, legal_date, rfc3339
from bridge.presence.supervised import MODES_ZH
from bridge.rules.model import NoRuleInForce
from bridge.wiring.key_ends import ARCHIVE_YEARS, TEMPLATE_DAYS

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

OWN_PAGE = "learner.own_page"
_ACCESSES = 300
PURPOSES_ZH = {
    EvidencePurpose.ID_PHOTO: "报名证件照",
    EvidencePurpose.FACE_FRAME: "核验时拍摄的照片",
    EvidencePurpose.FACE_TEMPLATE: "人脸特征",
    EvidencePurpose.CERTIFICATE: "证明文件",
    EvidencePurpose.LEARNER_FILE: "培训电子档案",
    EvidencePurpose.REGULATOR_BATCH: "报送监管平台的记录",
    EvidencePurpose.IDENTITY_EVIDENCE: "身份变更的证明材料",
}
_UNTIL_ZH = {
    EvidencePurpose.FACE_TEMPLATE: "班次结束后在规定的天数内销毁;撤回刷脸同意立即销毁",
}
_BY_RULE = (TEMPLATE_DAYS, *ARCHIVE_YEARS)
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
    """Return what is kept of the learner as JSON values, names and numbers masked. The look itself is logged."""
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        person = stations.identity.disclose(
            learner, purpose=OWN_PAGE, recipient="学员本人", by=account_id
        ).masked()
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        owner = stations.registry_store.institution()
        found = {
            "made_at": rfc3339(house.clock.now()),
            "institution": owner.name if owner else "",
            "learner": learner,
            "person": {"name": person.name, "citizen_id": person.citizen_id, "employer": person.employer},
            "accounts": _accounts(tx, learner),
            "consents": _consents(stations, tx, house, learner),
            "faces": _faces(stations, house, learner),
            "evidence": _evidence(stations, tx, house, learner),
            "class_runs": [
                _class_run(stations, learner, run) for run in stations.registry.class_runs_of(learner)
            ],
            "supervision": [
                {
                    "class_run": one.class_run,
                    "mode": one.mode.value,
                    "mode_zh": MODES_ZH[one.mode],
                    "from": rfc3339(from_epoch_ms(one.started_ms)),
                    "until": None if one.ended_ms is None else rfc3339(from_epoch_ms(one.ended_ms)),
                }
                for one in stations.supervised.of_learner(learner)
            ],
            "rules": _rules(stations, house, learner),
            "deletion_requests": [
                {
                    "asked_at": rfc3339(one.asked_at),
                    "handled_at": None if one.handled_at is None else rfc3339(one.handled_at),
                    "outcome": None if one.outcome is None else OUTCOMES[one.outcome],
                }
                for one in stations.deletion_requests.of(learner)
            ],
        }
        accesses = newest(tx, learner=learner, before=None, limit=_ACCESSES)
    found["accesses"] = _accesses(house, account_id, accesses)
    return found


def _accounts(tx: Tx, learner: LearnerRef) -> list[dict[str, Any]]:
    return [
        {
            "platform": one.registration,
            "bound_at": rfc3339(one.bound_at),
            "ended_at": None if one.ended_at is None else rfc3339(one.ended_at),
        }
        for one in bindings_of(tx, learner)
    ]


def _consents(stations: "Stations", tx: Tx, house: "House", learner: LearnerRef) -> list[dict[str, Any]]:
    store = SqlIdentityStore(tx, house.cipher)
    accounts = [one.account_id for one in bindings_of(tx, learner)]
    held = store.owner(learner)
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


def _faces(stations: "Stations", house: "House", learner: LearnerRef) -> list[dict[str, Any]]:
    found = []
    for run in stations.registry.class_runs_of(learner):
        reference = stations.presence_store.reference(learner, run)
        frames = stations.presence_store.frames_of(learner, run)
        found.append(
            {
                "class_run": run,
                "registered": reference is not None,
                "templates": 0 if reference is None else len(reference.templates),
                "model": None if reference is None else reference.model_id,
                "in_use": reference is not None and reference.is_of(house.recogniser),
                "photographs": len(frames),
            }
        )
    return found


def _evidence(stations: "Stations", tx: Tx, house: "House", learner: LearnerRef) -> list[dict[str, Any]]:
    """Return what lies in the vault by purpose and class run: live or destroyed, since when, until when."""
    rows_of = [row.id for row in SqlIdentityStore(tx, house.cipher).list_rows_of(learner)]
    keys = tx.session.execute(
        select(
            DataKeyRow.purpose,
            DataKeyRow.class_run_id,
            DataKeyRow.created_at,
            DataKeyRow.destroyed_at,
            func.count(EvidenceRow.id),
        )
        .join(EvidenceRow, EvidenceRow.key_id == DataKeyRow.id)
        .where(DataKeyRow.subject.in_([learner, *rows_of]))
        .group_by(DataKeyRow.id, DataKeyRow.purpose, DataKeyRow.class_run_id)
        .group_by(DataKeyRow.created_at, DataKeyRow.destroyed_at)
        .order_by(DataKeyRow.created_at, DataKeyRow.purpose)
    )
    found = []
    for purpose, run, created, destroyed, pieces in keys:
        known = EvidencePurpose(purpose) if purpose in set(EvidencePurpose) else None
        found.append(
            {
                "what": PURPOSES_ZH.get(known, purpose) if known else purpose,
                "purpose": purpose,
                "class_run": run or None,
                "pieces": pieces,
                "since": rfc3339(created),
                "destroyed_at": None if destroyed is None else rfc3339(destroyed),
                "until": _UNTIL_ZH.get(known, "随培训档案保存,期满销毁")
                if known
                else "随培训档案保存,期满销毁",
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


def _rules(stations: "Stations", house: "House", learner: LearnerRef) -> list[str]:
    """Return the packs' sentences on how long the learner's file is kept, each with whose word it is."""
    found: dict[str, None] = {}
    for run in stations.registry.class_runs_of(learner):
        profile = house.rules.profile(stations.registry.class_run(run).profile)
        today = legal_date(house.clock.now())
        for name in (*_BY_RULE, "retention.raw_beats_days"):
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
