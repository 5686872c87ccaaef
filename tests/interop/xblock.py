"""lti-consumer-xblock as the other side: its process, what an administrator copies, what its gradebook says."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bridge.setup.peer_environment import XBLOCK, ensure_peer
from bridge.setup.test_run import ROOT
from lti.launch import Launch
from lti.registration import Registration
from tests.interop.browser import Browser
from tests.interop.tool import OurTool
from tests.interop.xblock_platform.course import DEPLOYMENT_ID, Link, Person
from tests.servers.children import free_port, running

_SECONDS = 20
# Another loopback host than the tool's: cookies of the two sites must not meet.
_HOST = "127.0.0.2"


class PlatformDesk:
    """The running test platform as people and administrators see it, whichever tool it launches."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.about: dict[str, Any] = self.get("/desk/about")
        self.versions: dict[str, str] = self.about["versions"]
        self.product_packages_imported: list[str] = self.about["product_packages_imported"]

    @property
    def title(self) -> str:
        """Return the package with its version, and what it stands on."""
        return ", ".join(f"{name} {number}" for name, number in self.versions.items())

    def get(self, path: str) -> Any:
        """Return the JSON at `path` of the platform."""
        answer = requests.get(self.url + path, timeout=_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def reset(self) -> None:
        """Have the platform forget what the cases before this one left."""
        requests.post(f"{self.url}/desk/reset", timeout=_SECONDS).raise_for_status()

    def state(self, kind: str, link: Link) -> list[dict[str, Any]]:
        """Return what the platform holds of `kind` (line_items, content_items, started_exams …) for `link`."""
        found: list[dict[str, Any]] = self.get("/desk/state")[kind]
        return [each for each in found if each["location"] == link.location]

    def rotate_key(self, passport: str) -> dict[str, str]:
        """Have the platform sign with a new key; return {"old_kid", "new_kid"}."""
        answer = requests.post(f"{self.url}/desk/rotate-key/{passport}", timeout=_SECONDS)
        answer.raise_for_status()
        kids: dict[str, str] = answer.json()
        return kids

    def browser(self, person: Person) -> Browser:
        """Return a fresh browser in which `person` is signed in at the platform."""
        return Browser(self.url, person.username)

    def grade(self, person: Person, link: Link) -> float | None:
        """Return the grade in the platform's own gradebook; None if there is none."""
        return next(
            (grade["earned"] for grade in self.state("grades", link) if grade["user"] == person.external_id),
            None,
        )


class Xblock(PlatformDesk):
    """The running test platform, with our tool registered at it and it at our tool."""

    def __init__(self, url: str, tool: OurTool) -> None:
        super().__init__(url)
        self.tool = tool
        self.registrations = {
            name: Registration(
                id=f"xblock-{name}",
                tenant="institution-1",
                issuer=self.about["issuer"],
                client_id=passport["client_id"],
                auth_login_url=self.about["auth_login_url"],
                auth_token_url=passport["auth_token_url"],
                jwks_url=passport["jwks_url"],
                deployment_ids=frozenset({DEPLOYMENT_ID}),
                demo=True,
            )
            for name, passport in self.about["passports"].items()
        }
        tool.register(self.registrations.values())

    def launched(self, person: Person, link: Link, *, browser: Browser | None = None, **query: str) -> Launch:
        """Return what our tool verified when `person` opened `link` (in `browser`, if one is given)."""
        answer = (browser or self.browser(person)).launch(link.name, **query)
        assert answer.status_code == 200, answer.text
        return self.tool.launches[answer.json()["launch"]]


@contextmanager
def running_xblock(folder: Path, tool: OurTool) -> Iterator[Xblock]:
    """Run the platform with `tool` registered until the block ends; its environment is made when it is missing."""
    with running_platform(folder, tool.origin) as url:
        yield Xblock(url, tool)


@contextmanager
def running_platform(folder: Path, tool_url: str) -> Iterator[str]:
    """Run the platform, which launches the tool at `tool_url`, until the block ends; return its address."""
    url = f"http://{_HOST}:{free_port()}"
    log = folder / "platform.log"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/desk/about", timeout=2).ok
        except requests.RequestException:
            return False

    # Nothing of the product's environment but the checkout, where the platform's own files stand.
    command = [
        "env",
        "-i",
        f"PATH={os.environ['PATH']}",
        f"PYTHONPATH={ROOT}",
        str(ensure_peer(XBLOCK)),
        "-P",
    ]
    command += ["-m", "tests.interop.xblock_platform", "--url", url, "--tool", tool_url]
    with running([*command, "--folder", str(folder / "platform")], log=log, is_ready=answers, seconds=60):
        yield url
