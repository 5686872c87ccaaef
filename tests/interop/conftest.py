"""One peer process for the session; one line of the interop log for each case."""

from collections.abc import Generator, Iterator

import pytest

from tests.interop.record import Facts, write
from tests.interop.tool import running_tool
from tests.interop.xblock import Xblock, running_xblock

_Report = pytest.TestReport
_FACTS = pytest.StashKey[Facts]()


@pytest.fixture(scope="session")
def running_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xblock]:
    """lti-consumer-xblock in a process of its own, our tool in this one."""
    with running_tool() as tool, running_xblock(tmp_path_factory.mktemp("xblock"), tool) as platform:
        yield platform


@pytest.fixture
def xblock(running_platform: Xblock) -> Xblock:
    """The platform as on its first day: no grade, no line item, nothing chosen, no exam started."""
    running_platform.reset()
    return running_platform


@pytest.fixture
def facts(request: pytest.FixtureRequest, xblock: Xblock) -> Facts:
    """What the case tells the interop log."""
    held = Facts(case=request.node.name.removeprefix("test_"), peer=xblock.title)
    request.node.stash[_FACTS] = held
    return held


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, _Report, _Report]:
    report = yield
    held = item.stash.get(_FACTS, None)
    if held is not None and call.when == "call":
        write(held, report.outcome)
    return report
