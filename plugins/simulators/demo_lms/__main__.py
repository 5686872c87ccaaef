"""Starts the simulator as a process of its own: `python -m plugins.simulators.demo_lms --help`."""

from plugins.simulators.demo_lms.command import lms

if __name__ == "__main__":
    lms()
