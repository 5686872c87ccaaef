"""A test under the bridge's eyes at a platform: two systems in processes of their own, and HTTP between them.

The platform simulator sends the learner to be checked, starts the test on our permission, is told what the checks
find, says when the test is over, and is asked for the mark. Pauses and terminations are switched on, as an
institution's own rule pack would.
"""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import requests

from bridge.settings import ROOT
from plugins.simulators.demonstration.cameras import Camera
from plugins.simulators.demonstration.cast import read_cast
from plugins.simulators.demonstration.http_walk import HttpTab, HttpWalk, window
from plugins.simulators.demonstration.walker import Person
from tests.servers.bridge import RunningBridge, running_bridge, wait_until
from tests.servers.children import free_port, running
from tests.servers.gate_window import GateWindow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

_SWITCHED_ON = ("pause_allowed", "terminate_allowed")
_FACTOR = 300
_CATALOGUE = ROOT / "config" / "demo"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the configuration in which a platform may be asked to pause and to end a test."""
    folder = tmp_path_factory.mktemp("config") / "config"
    shutil.copytree(ROOT / "config", folder)
    for name in _SWITCHED_ON:
        parameter = folder / "rulepacks" / "anxue-practice" / "parameters" / "proctoring" / f"{name}.yaml"
        text = parameter.read_text(encoding="utf-8")
        assert "value: false" in text
        parameter.write_text(text.replace("value: false", "value: true"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def bridge(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    with running_bridge(tmp_path_factory.mktemp("bridge"), study_factor=_FACTOR, config=config) as started:
        yield started


@pytest.fixture(scope="module")
def lms_url(bridge: RunningBridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The platform simulator in a process of its own, registered at the bridge with the demonstration's course."""
    folder = tmp_path_factory.mktemp("lms")
    url = f"http://127.0.0.1:{free_port()}"
    secret = "5" * 64  # of this test alone
    (folder / "secret").write_text(secret + "\n")
    bridge.load_catalogue(_CATALOGUE, lms_url=url, webhook_secret=secret)
    command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", "plugins.simulators.demo_lms"]
    command += [
        "--port",
        url.rpartition(":")[2],
        "--bridge-url",
        bridge.url,
        "--state",
        str(folder / "state"),
    ]
    command += ["--webhook-secret-file", str(folder / "secret")]

    def answers() -> bool:
        try:
            return requests.get(f"{url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    with running(command, log=folder / "lms.log", is_ready=answers, seconds=60):
        yield url


class Sitting:
    """One attempt of one learner, from the platform's quiz page on."""

    def __init__(self, tab: HttpTab, bridge: RunningBridge, lms_url: str, camera: Camera) -> None:
        """Ask the platform for the test, which sends the learner to the gate (LtiStartProctoring)."""
        self._tab, self._lms, self.test = tab, lms_url, ""
        tab.open(f"{lms_url}/quiz")
        tab.click("start-proctored")
        self.gate = GateWindow(tab, bridge.url, camera)
        self.agent = self.gate.watch()

    def start(self) -> None:
        """Have the gate permit the test, and carry the permission to the platform (LtiStartAssessment)."""
        self.test = self.gate.start()
        assert self.test.startswith(f"{self._lms}/proctored/"), self.test
        self.agent.beat(0)  # the study clock, which waited for the check, runs on

    def becomes(self, state: str) -> None:
        """Wait until the test stands so at the platform."""

        def stands() -> str:
            self._tab.open(self.test)
            return self._tab.values("proctored-state", "data-state")[0]

        wait_until(lambda: stands() == state, lambda: f"the test is {stands()}, not {state}")

    def next_check(self, pictures: Iterable[bytes] | None = None) -> str:
        """Sit until the bridge asks for a check in the test, and answer it; return how it ended."""
        self.agent.study_until_check()
        outcome = self.agent.answer_check(pictures)
        self.agent.beat(self.agent.position_ms)
        return outcome

    def hand_in(self, answers: Sequence[int]) -> None:
        """Hand the test in; the platform then tells the gate (LtiEndAssessment)."""
        self._tab.open(self.test)
        for number, answer in enumerate(answers, 1):
            self._tab.choose(f"option-{number}-{answer}", str(answer))
        self._tab.click("submit-quiz")
        self._ended()

    def tell_end(self) -> None:
        """Say that a test is over which the platform ended on the bridge's word."""
        self._tab.open(self.test)
        self._tab.click("tell-end")
        self._ended()

    def _ended(self) -> None:
        assert self._tab.url == self.gate.url
        assert self._tab.values("gate-ended", "data-by") == ["platform"]


def _endlessly(picture: Callable[[], bytes]) -> Iterator[bytes]:
    while True:
        yield picture()


def _enter(tab: HttpTab, bridge: RunningBridge, lms_url: str, person: Person) -> None:
    """Go the steps that come before any test: launch, consent, real name, face."""
    tab.open(lms_url)
    tab.click(f"user-{person.user}")
    tab.click("launch-entry")
    tab.click("consent-agree")
    tab.fill("real-name-name", person.name)
    tab.fill("real-name-id", person.citizen_id)
    tab.click("real-name-submit")
    assert tab.count("real-name-masked")
    assert HttpWalk().capture_face(tab, bridge.url)[-1]["done"]


def _sit_unwatched(tab: HttpTab, lms_url: str, answers: Sequence[int]) -> None:
    """Take the platform's quiz with no agent anywhere, and have the mark sent."""
    tab.open(f"{lms_url}/quiz")
    tab.click("start-quiz")
    walk = HttpWalk()
    walk.post_json(tab, "begin", {})
    walk.post_json(tab, "answers", {"answers": {str(n): answer for n, answer in enumerate(answers)}})
    tab.submit(tab.element("deliver"))


def _controls(lms_url: str) -> list[tuple[str, str]]:
    """Return what the platform was asked of its tests: action and cause, the oldest first."""
    told = requests.get(f"{lms_url}/simulator/assessment-control", timeout=5).json()["actions"]
    assert all(0 <= float(one["severity"]) <= 1 for one in told)
    return [(one["action"], one["code"]) for one in reversed(told)]


def test_a_test_at_the_platform_is_opened_watched_stopped_and_its_mark_taken(
    bridge: RunningBridge, lms_url: str
) -> None:
    cast = read_cast(_CATALOGUE)
    right, camera = cast.answers, Camera(seed=11)
    one_wrong = (*right[:-1], (right[-1] + 1) % 2)
    decided = "SELECT attempt LIKE 'pa-%', score, accepted, reasons FROM test_decision ORDER BY decided_at"
    with window() as tab:
        _enter(tab, bridge, lms_url, cast.learner)

        # All right, and nobody was seen to answer: it does not count.
        _sit_unwatched(tab, lms_url, right)
        unseen = (0, "100", 0, '["score_without_presence"]')
        bridge.wait_for(decided, [unseen])

        # The permission comes after the check, and each finding in the test reaches the platform.
        sitting = Sitting(tab, bridge, lms_url, camera)
        assert sitting.gate.post("start").json()["reason"] == "start_check_required"
        assert sitting.agent.answer_check() == "passed"
        sitting.start()
        sitting.becomes("running")
        assert sitting.next_check(_endlessly(camera.two_faces)) == "several_faces"
        sitting.becomes("paused")
        assert sitting.next_check() == "passed"
        sitting.becomes("running")
        assert sitting.next_check(_endlessly(camera.other_person)) == "other_person"
        sitting.becomes("terminated")
        assert _controls(lms_url) == [
            ("flag", "check_several_faces"), ("pause", "check_several_faces"), ("resume", "check_passed"),
            ("flag", "check_other_person"), ("terminate", "check_other_person"),
        ]  # fmt: skip
        sitting.tell_end()

        # Another attempt, by the learner alone: the platform's mark is fetched, and counts.
        again = Sitting(tab, bridge, lms_url, camera)
        assert again.gate.url != sitting.gate.url
        assert again.agent.answer_check() == "passed"
        again.start()
        assert again.next_check() == "passed"
        # Who hands in before the platform was asked what it kept until then, has no mark that could be told apart.
        bridge.wait_for("SELECT count(*) FROM lms_result WHERE state = 'running'", [(1,)])
        again.hand_in(one_wrong)
    bridge.wait_for(decided, [unseen, (1, "80", 1, "[]")])
    assert len(_controls(lms_url)) == 5
