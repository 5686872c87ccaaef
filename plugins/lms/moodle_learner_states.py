"""`completion.ports.LearnerStateKeeper` on the web services of local_anxue (Moodle)."""

from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms
from plugins.lms.moodle_service import MoodleService, Wording

_WORDING = Wording(
    away="学习平台暂时没有响应,学员的实名和学时稍后会再次告知。",
    refused="学习平台没有接受学员的实名和学时,请核对令牌的权限、课程是否受监管、学员是否在课程中。",
)


class MoodleLearnerStates:
    """Tells one Moodle site what availability_anxue opens activities by.

    Args:
        base_url, token, network, http: see `MoodleService`; the token's user has local/anxue:setlearnerstate.
    """

    def __init__(
        self, base_url: str, token: str, network: NetworkPolicy, *, http: CallsPlatforms | None = None
    ) -> None:
        self._service = MoodleService(base_url, token, network, http=http)

    def set_learner_state(self, *, sub: str, context_id: str, real_name: bool, class_hours: int) -> None:
        """See `LearnerStateKeeper.set_learner_state`; who is no learner of a regulated course is refused for good."""
        self._service.call(
            "set_learner_state",
            {
                "sub": sub,
                "context_id": context_id,
                "real_name": str(int(real_name)),
                "class_hours": str(class_hours),
            },
            ("kept",),
            _WORDING,
        )
