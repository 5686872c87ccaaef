"""The gate's page as a program without a browser uses it: same doors, same forms, pictures for its camera."""

import requests

from plugins.simulators.demonstration.agent_client import AgentClient
from plugins.simulators.demonstration.cameras import Camera
from plugins.simulators.demonstration.http_walk import HttpTab

_SECONDS = 20


class GateWindow:
    """A window that has just arrived at the gate of a test."""

    def __init__(self, tab: HttpTab, bridge_url: str, camera: Camera) -> None:
        assert tab.url.startswith(f"{bridge_url}/test-gate/"), tab.url
        self.tab, self.url, self._bridge, self._camera = tab, tab.url, bridge_url, camera
        self._csrf = tab.element("gate").get("data-csrf")

    def post(self, what: str) -> requests.Response:
        """Ask for something as the page's script does."""
        headers = {"X-CSRFToken": self._csrf, "Referer": self.url, "Accept": "application/json"}
        return self.tab.http.post(f"{self.url}/{what}", headers=headers, timeout=_SECONDS)

    def watch(self) -> AgentClient:
        """Open the agent's session; the check before the test then waits."""
        return AgentClient(self._bridge, self.post("token").json()["token"], self._camera.learner)

    def start(self) -> str:
        """Have the test permitted, and carry the permission to the platform; return where that leads."""
        self.tab.open(self.url)
        self.tab.submit(self.tab.element("start-form"))
        self.tab.submit(self.tab.element("lti-form"))
        return self.tab.url
