"""The switchboard behind /simulator: what the next launches are like, what became of the last ones, rehearsals."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import rfc3339
from plugins.simulators.demo_lms.desk import Desk
from plugins.simulators.demo_lms.faults import KeyDoor, Manners, ServiceDoor
from plugins.simulators.demo_lms.rehearsal.case import Case, Draft
from plugins.simulators.demo_lms.rehearsal.run import Result, all_cases, rehearse
from plugins.simulators.demo_lms.rehearsal.signing import RsaSigner

LONGEST_SKEW_SECONDS = 86_400
_REMEMBERED = 400
_BY_BROWSER = "由浏览器送出，本平台看不到工具的答复。"


def _skew(value: Any) -> int:
    if type(value) is not int or abs(value) > LONGEST_SKEW_SECONDS:
        raise ValueError("whole seconds, a day at most")
    return value


@dataclass(frozen=True, slots=True)
class Sent:
    """One launch that went out.

    Args:
        at: RFC 3339.
        case: its id; "" for a right launch of a signed-in user.
        right: what should happen; answer: what happened; said: what is wrong with it; all in Chinese.
        state: right, wrong, open, or sent (by a browser, so that the answer is not seen).
    """

    at: str
    case: str
    title: str
    right: str
    answer: str
    state: str
    said: str

    def to_json(self) -> dict[str, str]:
        """Return what a program reads."""
        return {name: getattr(self, name) for name in self.__slots__}


class Control:
    """Holds the switches of one simulator; safe to use from several threads.

    Args:
        wait: lets so many seconds pass in a rehearsal.
    """

    def __init__(self, desk: Desk, wait: Callable[[float], object] = time.sleep) -> None:
        self._desk, self._wait = desk, wait
        self._lock = threading.Lock()
        self._sent: deque[Sent] = deque(maxlen=_REMEMBERED)
        self._thread: threading.Thread | None = None
        self._played, self._of = 0, 0
        self.cases = {case.id: case for case in all_cases()}

    # -- faults ------------------------------------------------------------------------------------

    def find(self, name: str) -> Case:
        """Return the case `name`, or the first of the row `name`.

        Raises:
            InvalidInput("case_unknown")
        """
        found = self.cases.get(name) or next(
            (case for case in self.cases.values() if case.id.startswith(f"{name}.")), None
        )
        if found is None:
            raise InvalidInput("case_unknown", "没有这个编号的情形。")
        return found

    def faults(self) -> dict[str, Any]:
        """Return the switches as they stand."""
        faults = self._desk.faults
        return {
            "fault": faults.next_launches,
            "key_door": faults.door.value,
            "services": faults.services.value,
            "manners": faults.manners.value,
            "skew_seconds": faults.skew_seconds,
            "kid": self._desk.key.kid,
        }

    def set_faults(self, wanted: Mapping[str, Any]) -> None:
        """Set the switches that are named: fault, key_door, services, manners, skew_seconds.

        Raises:
            InvalidInput: case_unknown, case_not_of_the_token, switch_unknown, value_malformed, rehearsing; nothing
                was changed.
        """
        read: Mapping[str, Callable[[Any], Any]] = {
            "fault": self._fault,
            "key_door": KeyDoor,
            "services": ServiceDoor,
            "manners": Manners,
            "skew_seconds": _skew,
        }
        if wanted.keys() - read.keys():
            raise InvalidInput("switch_unknown", f"没有这个开关，只有 {'、'.join(read)}。")
        values: dict[str, Any] = {}
        for name, value in wanted.items():
            try:
                values[name] = read[name](value)
            except ValueError as error:
                raise InvalidInput("value_malformed", f"{name} 的值不正确。") from error
        self._require_quiet()
        faults = self._desk.faults
        faults.next_launches = values.get("fault", faults.next_launches)
        faults.manners = values.get("manners", faults.manners)
        faults.services = values.get("services", faults.services)
        faults.skew_seconds = values.get("skew_seconds", faults.skew_seconds)
        if "key_door" in values:
            faults.set_door(values["key_door"])

    def _fault(self, name: Any) -> str:
        if not isinstance(name, str):
            raise ValueError("a case is named by a text")
        if not name:
            return ""
        case = self.find(name)
        if case.token is None:
            raise InvalidInput("case_not_of_the_token", "这种情形不只是凭证有误，浏览器送不出来，请用演练。")
        return case.id

    def rotate_keys(self, *, keep_old: bool) -> None:
        """Sign with a new key from now on.

        Raises:
            InvalidInput("rehearsing")
        """
        self._require_quiet()
        self._desk.key.rotate(keep_old=keep_old)

    def forge(self, claims: dict[str, Any], title: str) -> str:
        """Return the token for a signed-in user's launch: right, or wrong as told; it is noted.

        Args:
            title: of the link that is opened.
        """
        name = self._desk.faults.next_launches
        key = self._desk.key
        if not name:
            self._note(Sent(self._now(), "", f"打开：{title}", "应接受", _BY_BROWSER, "sent", ""))
            return key.sign(claims)
        case = self.cases[name]
        self._note(Sent(self._now(), case.id, case.title, case.right.words, _BY_BROWSER, "sent", ""))
        draft = Draft(claims, RsaSigner(key.kid, key.private()), self._desk.epoch())
        return case.token(draft) if case.token is not None else key.sign(claims)

    # -- rehearsals --------------------------------------------------------------------------------

    def rehearse(self, name: str = "", *, patient: bool = False) -> None:
        """Play one case, or all, beside the running simulator; its switches are put right first.

        Raises:
            InvalidInput: case_unknown, rehearsing.
        """
        cases = all_cases()
        if name:
            wanted = self.find(name).id
            cases = tuple(case for case in cases if case.id == wanted)
        with self._lock:
            self._require_quiet()
            self._desk.faults.reset()
            self._played, self._of = 0, len(cases)
            self._thread = threading.Thread(
                target=self._play, args=(cases, patient or bool(name)), name="rehearsal", daemon=True
            )
            self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for a rehearsal to end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _play(self, cases: Sequence[Case], patient: bool) -> None:
        try:
            for result in rehearse(self._desk, cases=cases, wait=self._wait, patient=patient):
                self._played += 1
                self._note(self._of_result(result))
        finally:
            self._desk.faults.reset()

    def _of_result(self, result: Result) -> Sent:
        answer = result.answer.words() if result.answer else "没有演练"
        case = result.case
        said = result.fault or result.open
        return Sent(self._now(), case.id, case.title, case.right.words, answer, result.state, said)

    @property
    def rehearsing(self) -> bool:
        """Whether a rehearsal runs."""
        return self._thread is not None and self._thread.is_alive()

    def _require_quiet(self) -> None:
        if self.rehearsing:
            raise InvalidInput("rehearsing", "正在演练，请等它结束。", http_status=409)

    # -- what became of launches -------------------------------------------------------------------

    def launches(self) -> dict[str, Any]:
        """Return the last launches, the newest first, and how far a rehearsal is."""
        with self._lock:
            sent = list(reversed(self._sent))
        counts = {
            state: sum(each.state == state for each in sent) for state in ("right", "wrong", "open", "sent")
        }
        return {
            "simulator": True,
            "rehearsing": self.rehearsing,
            "played": self._played,
            "of": self._of,
            "counts": counts,
            "launches": [each.to_json() for each in sent],
        }

    def forget(self) -> None:
        """Forget the last launches."""
        with self._lock:
            self._sent.clear()

    def _note(self, sent: Sent) -> None:
        with self._lock:
            self._sent.append(sent)

    def _now(self) -> str:
        return rfc3339(self._desk.clock.now())
