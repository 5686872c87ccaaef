"""How far an AU's token reaches: its own learner, registration and activity, and no document of the LMS."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, make_response

from bridge.intake.cmi5.model import LAUNCH_DATA, PREFERENCES
from bridge.intake.cmi5.sessions import AuSession
from bridge.intake.xapi.decoding import decoded
from bridge.intake.xapi.model import Resource
from bridge.intake.xapi.query import read_agent
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.web.xapi_visit import Answer, Visit, http_date

_LANGUAGES = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*(?:,[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*)*")
_MAX_LANGUAGES = 200
_WRITES = frozenset({"PUT", "POST"})


@dataclass(frozen=True, slots=True)
class AuVisit:
    """A request that an AU makes with its token."""

    visit: Visit
    session: AuSession

    def is_own(self, payload: str) -> bool:
        """Return whether a kept statement is of the session's registration."""
        context = json.loads(payload).get("context", {})
        return str(context.get("registration", "")).lower() == self.session.registration


def check_person(au: AuVisit) -> None:
    """Raise unless the request names the session's own learner.

    Raises:
        InvalidInput: parameter_missing, parameter_malformed.
        NotPermitted: actor_foreign.
    """
    given = au.visit.asked.parameters
    if "agent" not in given:
        raise InvalidInput("parameter_missing", "缺少参数 agent")
    agent = read_agent(given)
    if agent.get("objectType", "Agent") != "Agent" or agent.get("account") != au.session.actor["account"]:
        raise NotPermitted("actor_foreign", "课件只能读写本次启动的学员")


def check_document(resource: Resource, au: AuVisit) -> None:
    """Raise unless the session may do this to the documents that are asked for.

    Raises:
        InvalidInput: parameter_missing, parameter_malformed.
        NotPermitted: actor_foreign, activity_foreign, registration_foreign, launch_data_kept, profile_shared,
            profile_foreign, preferences_malformed.
    """
    given, method = au.visit.asked.parameters, au.visit.asked.method
    if resource is not Resource.ACTIVITY_PROFILE:
        check_person(au)
    if resource is not Resource.AGENT_PROFILE and given.get("activityId") != au.session.activity_id:
        raise NotPermitted("activity_foreign", "课件只能读写本次启动的活动")
    if resource is Resource.STATE:
        if given.get("registration", "").lower() != au.session.registration:
            raise NotPermitted("registration_foreign", "课件只能读写本次启动的学习登记")
        if given.get("stateId") == LAUNCH_DATA and method != "GET":
            raise NotPermitted("launch_data_kept", "LMS.LaunchData 由安学桥写入,课件只能读取")
    elif method != "GET":
        if resource is Resource.ACTIVITY_PROFILE:
            # The token is in a learner's hands, and what is written here every learner's AU would read.
            raise NotPermitted("profile_shared", "活动文档由全体学员共用,课件只能读取")
        if given.get("profileId") != PREFERENCES or method == "DELETE":
            raise NotPermitted("profile_foreign", f"课件只能写入学员文档 {PREFERENCES}")
        if method in _WRITES:
            _check_preferences(au)


def launch_data_answer(au: AuVisit, documents: Answer) -> Response | None:
    """Return the answer for LMS.LaunchData, and its name among the others'; None for any other document."""
    name = au.visit.asked.parameters.get("stateId")
    if name is None:
        listed = documents(au.visit)
        told: list[str] = listed.get_json()
        names = jsonify(sorted({*told, LAUNCH_DATA}))
        names.headers["Last-Modified"] = listed.headers["Last-Modified"]
        return names
    if name != LAUNCH_DATA:
        return None
    content = json.dumps(au.session.launch_data, ensure_ascii=False).encode()
    response = make_response(content)
    response.headers["Content-Type"] = "application/json"
    response.headers["ETag"] = f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'
    response.headers["Last-Modified"] = http_date(au.visit.house.clock.now())
    return response


def _check_preferences(au: AuVisit) -> None:
    try:
        if au.visit.asked.media_type != "application/json":
            raise _preferences_malformed()
        given: Any = decoded(au.visit.asked.body)
    except InvalidInput as error:
        raise _preferences_malformed() from error
    whole = isinstance(given, dict) and given.keys() == {"languagePreference", "audioPreference"}
    if not whole or given["audioPreference"] not in ("on", "off"):
        raise _preferences_malformed()
    languages = given["languagePreference"]
    if (
        not isinstance(languages, str)
        or len(languages) > _MAX_LANGUAGES
        or not _LANGUAGES.fullmatch(languages)
    ):
        raise _preferences_malformed()


def _preferences_malformed() -> NotPermitted:
    return NotPermitted(
        "preferences_malformed",
        "学员偏好须为 JSON,恰含 languagePreference(以逗号分隔的语言代码)和 audioPreference(on 或 off)",
    )
