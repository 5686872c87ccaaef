"""The house in which an operator's command works."""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.settings import Settings
from bridge.wiring import House


@contextmanager
def opened_house() -> Iterator[House]:
    """Yield a house with the environment's settings; it is closed at the end.

    Raises:
        BridgeError: as `House.build`.
    """
    house = House.build(Settings())
    try:
        yield house
    finally:
        house.close()
