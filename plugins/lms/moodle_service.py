"""The web services of local_anxue on one Moodle site: how they are called, and what counts as an answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bridge.kernel.errors import Unavailable
from lti.errors import ServiceFailed
from lti.http import GuardedHttp, may_pass
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms


@dataclass(frozen=True, slots=True)
class Wording:
    """What people read when a call comes to nothing: the site is away, or it refused."""

    away: str
    refused: str


class MoodleService:
    """Calls the web services of one site.

    Args:
        base_url: of the site, without a slash at its end.
        token: of a user who may call them; goes in the body, so that no log of addresses holds it.
    """

    def __init__(
        self, base_url: str, token: str, network: NetworkPolicy, *, http: CallsPlatforms | None = None
    ) -> None:
        self.base_url, self._token, self._network = base_url, token, network
        self._http: CallsPlatforms = http or GuardedHttp()

    def call(
        self, function: str, parameters: Mapping[str, str], done: Collection[str], wording: Wording
    ) -> dict[str, Any]:
        """Have the site do or tell something; return its answer.

        Args:
            function: without `local_anxue_`.
            done: the values of `status` in the answer that mean that it stands now.

        Raises:
            Unavailable: exam_service_away; permanent: exam_service_refused; what the guard of calls says.
        """
        form = {
            "wstoken": self._token,
            "wsfunction": f"local_anxue_{function}",
            "moodlewsrestformat": "json",
            **parameters,
        }
        try:
            reply = self._http.request(
                "POST",
                f"{self.base_url}/webservice/rest/server.php",
                self._network,
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                body=urlencode(form).encode("ascii"),
            )
            answer: Any = reply.json() if reply.status == 200 else None
        except ServiceFailed as failure:
            raise Unavailable(failure.reason, failure.message_zh, permanent=failure.permanent) from failure
        if may_pass(reply.status):
            raise Unavailable("exam_service_away", wording.away)
        # Moodle answers 200 to a refusal too, with `exception` and `errorcode` in the body.
        if not isinstance(answer, dict) or answer.get("status") not in done:
            raise Unavailable("exam_service_refused", wording.refused, permanent=True)
        return answer
