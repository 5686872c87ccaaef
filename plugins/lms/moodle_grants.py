"""`presence.gate.ports.ExamGrants` on the web services of local_anxue (Moodle)."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from bridge.kernel.errors import Unavailable
from lti.errors import ServiceFailed
from lti.http import GuardedHttp, may_pass
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms

_MODULE = re.compile(r"cm-([0-9]{1,18})")
"""How the plugins name a quiz: by its course module."""
_MAX_REASON = 250
_DONE = {"grant": ("granted", "known"), "revoke": ("revoked", "already", "unknown")}


class MoodleGrants:
    """Opens and closes quizzes of one Moodle site.

    Args:
        base_url: of the site, without a slash at its end.
        token: of a user with local/anxue:manageexams; goes in the body, so that no log of addresses holds it.
    """

    def __init__(
        self, base_url: str, token: str, network: NetworkPolicy, *, http: CallsPlatforms | None = None
    ) -> None:
        self._base_url, self._token, self._network = base_url, token, network
        self._http: CallsPlatforms = http or GuardedHttp()

    def grant(self, *, grant_id: str, sub: str, resource_link_id: str, expires_at: datetime) -> None:
        """See `ExamGrants.grant`; a link that names no course module is refused for good."""
        self._call(
            "grant",
            {
                "sub": sub,
                "cmid": self._module(resource_link_id),
                "expires_at": str(int(expires_at.timestamp())),
                "grant_id": grant_id,
            },
        )

    def revoke(self, *, grant_id: str, reason: str) -> None:
        """See `ExamGrants.revoke`."""
        self._call("revoke", {"grant_id": grant_id, "reason": reason[:_MAX_REASON]})

    def test_url(self, resource_link_id: str) -> str | None:
        """Return the quiz's page."""
        found = _MODULE.fullmatch(resource_link_id)
        return f"{self._base_url}/mod/quiz/view.php?id={found[1]}" if found else None

    def _module(self, resource_link_id: str) -> str:
        found = _MODULE.fullmatch(resource_link_id)
        if found is None:
            raise Unavailable(
                "exam_unknown",
                "课程单元没有写明 Moodle 测验的编号(cm-…),无法授权开考,请培训机构补上。",
                permanent=True,
            )
        return found[1]

    def _call(self, what: str, parameters: dict[str, str]) -> None:
        form = {
            "wstoken": self._token,
            "wsfunction": f"local_anxue_{what}_exam",
            "moodlewsrestformat": "json",
            **parameters,
        }
        try:
            reply = self._http.request(
                "POST",
                f"{self._base_url}/webservice/rest/server.php",
                self._network,
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                body=urlencode(form).encode("ascii"),
            )
            answer: Any = reply.json() if reply.status == 200 else None
        except ServiceFailed as failure:
            raise Unavailable(failure.reason, failure.message_zh, permanent=failure.permanent) from failure
        if may_pass(reply.status):
            raise Unavailable("exam_service_away", "学习平台的考试授权服务暂时没有响应,稍后会重试。")
        # Moodle answers 200 to a refusal too, with `exception` and `errorcode` in the body.
        if not isinstance(answer, dict) or answer.get("status") not in _DONE[what]:
            raise Unavailable(
                "exam_service_refused",
                "学习平台没有接受考试授权,请核对令牌的权限、课程是否受监管、学员是否在课程中。",
                permanent=True,
            )
