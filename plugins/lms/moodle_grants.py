"""`presence.gate.ports.ExamGrants` on the web services of local_anxue (Moodle)."""

import re
from datetime import datetime

from bridge.kernel.errors import Unavailable
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms
from plugins.lms.moodle_service import MoodleService, Wording

_MODULE = re.compile(r"cm-([0-9]{1,18})")
"""How the plugins name a quiz: by its course module."""
_MAX_REASON = 250
_WORDING = Wording(
    away="学习平台的考试授权服务暂时没有响应,稍后会重试。",
    refused="学习平台没有接受考试授权,请核对令牌的权限、课程是否受监管、学员是否在课程中。",
)


class MoodleGrants:
    """Opens and closes quizzes of one Moodle site.

    Args:
        base_url, token, network, http: see `MoodleService`; the token's user has local/anxue:manageexams.
    """

    def __init__(
        self, base_url: str, token: str, network: NetworkPolicy, *, http: CallsPlatforms | None = None
    ) -> None:
        self._service = MoodleService(base_url, token, network, http=http)

    def grant(self, *, grant_id: str, sub: str, resource_link_id: str, expires_at: datetime) -> None:
        """See `ExamGrants.grant`; a link that names no course module is refused for good."""
        self._service.call(
            "grant_exam",
            {
                "sub": sub,
                "cmid": self._module(resource_link_id),
                "expires_at": str(int(expires_at.timestamp())),
                "grant_id": grant_id,
            },
            ("granted", "known"),
            _WORDING,
        )

    def revoke(self, *, grant_id: str, reason: str) -> None:
        """See `ExamGrants.revoke`."""
        self._service.call(
            "revoke_exam",
            {"grant_id": grant_id, "reason": reason[:_MAX_REASON]},
            ("revoked", "already", "unknown"),
            _WORDING,
        )

    def test_url(self, resource_link_id: str) -> str | None:
        """Return the quiz's page."""
        found = _MODULE.fullmatch(resource_link_id)
        return f"{self._service.base_url}/mod/quiz/view.php?id={found[1]}" if found else None

    def _module(self, resource_link_id: str) -> str:
        found = _MODULE.fullmatch(resource_link_id)
        if found is None:
            raise Unavailable(
                "exam_unknown",
                "课程单元没有写明 Moodle 测验的编号(cm-…),无法授权开考,请培训机构补上。",
                permanent=True,
            )
        return found[1]
