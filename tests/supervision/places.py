"""One institution with everything in it in each of several places; each id and text names its place."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert

import bridge.migrations.tables  # noqa: F401
from bridge.db.base import Base
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import epoch_ms
from bridge.supervision.model import areas_over
from bridge.supervision.rollup_tables import FIGURES

AT = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)

# place → (division of the class run, seat of the institution, where its learner works)
PLACES: dict[str, tuple[str, str | None, str | None]] = {
    "gzcity": ("440100", None, None),
    "gztianhe": ("440106", None, "440300"),
    "gzseated": ("440100", "440106", "441900"),
    "szcity": ("440300", "440305", "440106"),
    "dgcity": ("441900", "441900", "440100"),
    "jxcity": ("360100", None, "440300"),
}


def fill(uow: UnitOfWork, profile: str = "guangdong") -> None:
    """Write one of each thing that supervision reads for each place."""
    for number, (place, (division, seat, works)) in enumerate(PLACES.items()):
        institution = InstitutionId(f"in_{place}")
        with uow.for_institution(institution) as tx:
            for table, values in _rows(place, number, division, seat, works, profile):
                found = Base.metadata.tables[table]
                own = {"institution_id": institution} if "institution_id" in found.c else {}
                tx.session.execute(insert(found).values(**own, **values))


def _rows(
    place: str, number: int, division: str, seat: str | None, works: str | None, profile: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    run, learner = f"cr_{place}", f"lr_{place}"
    of = {"learner_ref": learner, "class_run_id": run}
    yield "institution", {
        "id": f"in_{place}", "uscc": f"9144010{number}MA5XXXXX{number:02d}"[:18], "name": f"机构{place}",
        "operator_name": "平台", "provincial_connected": True, "division_code": seat,
    }  # fmt: skip
    yield "city_registration", {
        "id": f"reg_{place}", "division_code": f"{division[:4]}00", "document_number": f"文号{place}",
        "valid_from": date(2026, 1, 1), "valid_until": date(2027, 1, 1),
    }  # fmt: skip
    yield "outline", {"id": f"ol_{place}", "title": "大纲", "theory_class_hours": 4, "units": []}
    yield "course", {"id": f"co_{place}", "version": "1", "title": "课程"}
    yield "course_unit", {
        "course_id": f"co_{place}", "id": f"unit_{place}", "position": 1, "outline_unit_id": None,
        "title": f"单元{place}", "activity": "study", "nominal_ms": 1, "resource_link_id": None,
    }  # fmt: skip
    yield "class_run", {
        "id": run, "title": f"班次{place}", "kind": "initial", "category": "x", "division_code": division,
        "opens_on": date(2026, 11, 1), "closes_on": date(2027, 1, 31), "profile": profile,
        "outline_id": f"ol_{place}", "course_id": f"co_{place}",
    }  # fmt: skip
    yield "enrolment", {
        "id": f"en_{place}", "class_run_id": run, "learner": learner, "list_row": f"row_{place}",
        "enrolled_on": DAY, "enrolled_at": AT,
    }  # fmt: skip
    if works is not None:
        yield "supervised_area", {**of, "division_code": works, "noted_by": "st_1", "noted_at": AT}
        for code in areas_over(works):
            yield "supervised_run_area", {"class_run_id": run, "area_code": code}
    yield "supervised_progress", {
        "id": f"sp_{place}", **of, "credited_seconds": 60, "provisional_seconds": 0, "refused_seconds": 0,
        "online_class_hours": 1, "offline_class_hours": 0, "noted_at": AT,
    }  # fmt: skip
    yield "supervised_day", {
        "id": f"sd_{place}", **of, "day": DAY, "credited_ms": 60_000, "provisional_ms": 5_000, "refused_ms": 0,
    }  # fmt: skip
    yield "presence_check", {
        "id": f"chk_{place}", "session": f"ses_{place}", "learner": learner, "class_run": run, "kind": "random",
        "due_ms": epoch_ms(AT), "opened_ms": epoch_ms(AT), "answer_by_ms": epoch_ms(AT), "attempts_left": 0,
        "state": "passed", "nonce": "n", "verdicts": [], "decided_ms": epoch_ms(AT), "reference": "",
    }  # fmt: skip
    yield "test_decision", {
        "id": f"td_{place}", **of, "unit": f"unit_{place}", "attempt": "1", "message": "m", "score": "88",
        "maximum": "100", "finished_real": "x", "accepted": True, "reasons": [], "checks_passed": 1,
        "covered_ms": 1, "attempt_ms": 1, "decided_at": AT,
    }  # fmt: skip
    yield "certificate", {
        "number": f"no_{place}", "kind": "hour_certificate", **of, "sha256": "0" * 64, "status": "valid",
        "issued_at": AT, "evidence_id": "e", "verify_code": "v", "mark": None, "printed": {},
        "facts": {"class_hours": 3},
    }  # fmt: skip
    yield "report_batch", {
        "id": f"batch_{place}", "division_code": division, "uscc": "x", "state": "accepted", "sha256": "0" * 64,
        "evidence_id": "e", "record_count": 1, "created_at": AT, "schema_version": "1.0",
    }  # fmt: skip
    yield "report_record", {
        "id": f"rr_{place}", "kind": "Learner", "number": f"n_{place}", "revision": 1, **of,
        "division_code": division, "fields": {}, "state": "accepted", "reason": None,
        "batch_id": f"batch_{place}", "queued_at": AT,
    }  # fmt: skip
    yield "supervision_signal", {
        "id": f"sgl_{place}", "natural_key": f"key_{place}", "kind": "login_as", "source": "lms", **of,
        "unit_id": f"unit_{place}", "account": None, "actor": None, "before": None, "after": None,
        "message": None, "occurred_at": AT, "raised_at": AT,
    }  # fmt: skip
    yield "spot_check", {
        "id": f"spot_{place}", "class_run_id": run, "division_code": division, "office": f"{division[:4]}00",
        "authority": "局", "reason": f"事由{place}", "checked_on": DAY, "opened_by": "st_1", "opened_at": AT,
    }  # fmt: skip
    yield "spot_check_finding", {
        "id": f"find_{place}", "spot_check_id": f"spot_{place}", "subject": "hours", "text": f"问题{place}",
        "deadline": DAY, "written_by": "st_1", "written_at": AT,
    }  # fmt: skip
    held = seat if seat and division.endswith("00") and seat[:4] == division[:4] else division
    yield "supervised_area_day", {
        "profile": profile, "institution_division": held, "learner_division": works or "", "day": DAY,
        **dict.fromkeys(FIGURES, 0), "enrolled": 1,
    }  # fmt: skip
    yield "supervised_city_day", {
        "profile": profile, "institution_division": f"{held[:4]}00",
        "learner_division": f"{works[:4]}00" if works else "", "day": DAY,
        **dict.fromkeys(FIGURES, 0), "enrolled": 1,
    }  # fmt: skip
