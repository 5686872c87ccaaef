"""`intake.ports.ScoresOfLms` on the web services of local_anxue (Moodle)."""

from collections.abc import Iterator
from datetime import datetime

from bridge.intake.ports import LmsScore
from bridge.kernel.errors import Unavailable
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms
from plugins.lms.moodle_service import MoodleService, Wording

_WORDING = Wording(
    away="学习平台暂时没有响应,请稍后再核对。",
    refused="学习平台没有给出成绩清单,请升级 local_anxue 插件,并给令牌的用户 local/anxue:backfill 权限。",
)
_PAGE = 500
_MOST_PAGES = 2000
"""A million attempts: nobody may make us read for ever."""


class MoodleScores:
    """Lists the scores of one Moodle site's regulated courses.

    Args:
        base_url, token, network, http: see `MoodleService`; the token's user has local/anxue:backfill.
    """

    def __init__(
        self, base_url: str, token: str, network: NetworkPolicy, *, http: CallsPlatforms | None = None
    ) -> None:
        self._service = MoodleService(base_url, token, network, http=http)

    def scores(self, since: datetime, until: datetime) -> Iterator[LmsScore]:
        """See `ScoresOfLms.scores`; an answer of another form is a refusal."""
        after = 0
        for _page in range(_MOST_PAGES):
            asked = {
                "since": str(int(since.timestamp())),
                "until": str(int(until.timestamp())),
                "after": str(after),
                "limit": str(_PAGE),
            }
            answer = self._service.call("attempts", asked, ("told",), _WORDING)
            scores, following = answer.get("scores"), answer.get("next")
            if not isinstance(scores, list) or not isinstance(following, int):
                raise Unavailable("exam_service_refused", _WORDING.refused, permanent=True)
            for one in scores:
                if not isinstance(one, dict) or not isinstance(one.get("data"), dict):
                    raise Unavailable("exam_service_refused", _WORDING.refused, permanent=True)
                yield LmsScore(str(one.get("id")), one["data"])
            if following <= after:
                return
            after = following
