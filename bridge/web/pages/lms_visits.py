"""Who came from an LMS without being a learner, as the server-side session says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import session

from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId, RegistrationId
from bridge.wiring import House

LMS_TEACHER = "lms_teacher"
"""Role of a session that a teacher's launch began: it opens the page that was asked for, and nothing of staff's."""
_SEALED = "web_session"


@dataclass(frozen=True, slots=True)
class TeacherVisit:
    """A teacher after a launch; `account_id` stands for the person, who is known to the bridge by no name."""

    institution: InstitutionId
    registration: RegistrationId
    account_id: str
    class_run: ClassRunId | None
    return_url: str | None


def teacher_visit() -> TeacherVisit:
    """Return the teacher of this session; NotPermitted("launch_required") for everybody else."""
    if session.get("role") != LMS_TEACHER:
        raise NotPermitted("launch_required", "请教师从学习平台的课程页面重新进入安学桥。")
    return TeacherVisit(
        institution=session["institution_id"],
        registration=session["registration_id"],
        account_id=session.get("account_id", ""),
        class_run=session.get("class_run"),
        return_url=session.get("return_url"),
    )


def sealed(house: House, account_id: str, value: Mapping[str, Any]) -> str:
    """Return `value` encrypted for a session's row: platforms put into opaque values what they like."""
    return house.cipher.encrypt_text(json.dumps(value), table=_SEALED, row_id=account_id)


def unsealed(house: House, account_id: str, kept: str) -> dict[str, Any]:
    """Return what `sealed` was given."""
    value: dict[str, Any] = json.loads(house.cipher.decrypt_text(kept, table=_SEALED, row_id=account_id))
    return value
