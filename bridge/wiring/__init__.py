"""Puts the stations together: the only package that knows every store, service and adapter."""

from bridge.wiring.house import House
from bridge.wiring.stations import Stations

__all__ = ["House", "Stations"]
