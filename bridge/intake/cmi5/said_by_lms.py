"""The statements that the bridge itself makes as the LMS: launched, abandoned, waived, satisfied (§9.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bridge.intake.cmi5.model import (
    BLOCK_TYPE,
    CMI5,
    COURSE_TYPE,
    LAUNCH_MODE,
    LAUNCH_PARAMETERS,
    LAUNCH_URL,
    MASTERY_SCORE,
    MOVE_ON,
    MOVE_ON_VALUE,
    REASON,
    SESSION_ID,
    Au,
    Block,
    LaunchMode,
    Verb,
)
from bridge.intake.cmi5.rules import iso_duration
from bridge.kernel.time import rfc3339

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Makes statements about one learner in one registration.

    Args:
        actor: as the launch gives it to the AU.
    """

    actor: Mapping[str, Any]
    registration: str

    def launched(
        self, session: str, activity_id: str, au: Au, mode: LaunchMode, template: Json, at: datetime
    ) -> Json:
        more: Json = {LAUNCH_MODE: str(mode), LAUNCH_URL: au.url, MOVE_ON_VALUE: str(au.move_on)}
        if au.mastery_score is not None:
            more[MASTERY_SCORE] = float(au.mastery_score)
        if au.launch_parameters is not None:
            more[LAUNCH_PARAMETERS] = au.launch_parameters
        return self._of_au(Verb.LAUNCHED, session, activity_id, au, at, extensions=more, template=template)

    def abandoned(
        self, session: str, activity_id: str, au: Au, template: Json, lasted: timedelta, at: datetime
    ) -> Json:
        result = {"duration": iso_duration(lasted)}
        return self._of_au(Verb.ABANDONED, session, activity_id, au, at, result=result, template=template)

    def waived(self, session: str, activity_id: str, au: Au, reason: str, at: datetime) -> Json:
        result = {"success": True, "completion": True, "extensions": {REASON: reason}}
        return self._of_au(Verb.WAIVED, session, activity_id, au, at, result=result)

    def satisfied(self, session: str, lms_id: str, block: Block, *, whole: bool, at: datetime) -> Json:
        about = {
            "objectType": "Activity",
            "id": lms_id,
            "definition": {
                "type": COURSE_TYPE if whole else BLOCK_TYPE,
                "name": {"zh-CN": block.title},
            },
        }
        return self._statement(Verb.SATISFIED, about, self._context(session, block.id), at)

    def _of_au(
        self,
        verb: Verb,
        session: str,
        activity_id: str,
        au: Au,
        at: datetime,
        *,
        result: Json | None = None,
        extensions: Json | None = None,
        template: Json | None = None,
    ) -> Json:
        about = {"objectType": "Activity", "id": activity_id, "definition": {"name": {"zh-CN": au.title}}}
        context = self._context(session, au.id, template)
        context["extensions"] |= extensions or {}
        if verb is Verb.WAIVED:
            context["contextActivities"]["category"].append({"id": MOVE_ON})
        made = self._statement(verb, about, context, at)
        return made if result is None else {**made, "result": result}

    def _context(self, session: str, publisher_id: str, template: Json | None = None) -> Json:
        base = context_template(session, publisher_id) if template is None else template
        activities = base["contextActivities"]
        return {
            **base,
            "registration": self.registration,
            "contextActivities": {**activities, "category": [{"id": CMI5}]},
            "extensions": dict(base["extensions"]),
        }

    def _statement(self, verb: Verb, about: Json, context: Json, at: datetime) -> Json:
        return {
            "id": str(uuid4()),
            "actor": dict(self.actor),
            "verb": {"id": str(verb), "display": {"en": verb.word}},
            "object": about,
            "context": context,
            "timestamp": rfc3339(at),
        }


def context_template(session: str, publisher_id: str) -> Json:
    """Return what every statement of the session must have in its context (§10.2.1)."""
    return {
        "contextActivities": {"grouping": [{"objectType": "Activity", "id": publisher_id}]},
        "extensions": {SESSION_ID: session},
    }


def launch_data(au: Au, template: Json, mode: LaunchMode, return_url: str) -> Json:
    """Return the document LMS.LaunchData (§10.2)."""
    found: Json = {
        "contextTemplate": template,
        "launchMode": str(mode),
        "moveOn": str(au.move_on),
        "returnURL": return_url,
    }
    if au.launch_parameters is not None:
        found["launchParameters"] = au.launch_parameters
    if au.mastery_score is not None:
        found["masteryScore"] = float(au.mastery_score)
    if au.entitlement_key is not None:
        found["entitlementKey"] = {"courseStructure": au.entitlement_key}
    return found
