"""`python -m plugins.reporting.rehearsal.carrier FOLDER URL KEY CA`: delivers what waits, until it is ended.

It runs the product's own job by the product's own runner; it may be ended anywhere, kill -9 included.
"""

import os
import signal
import sys
import time
from pathlib import Path

from bridge.db.outbox import LEASE
from bridge.reporting.model import FEED
from bridge.wiring.feed_jobs import sweep_feed
from plugins.reporting.guangdong.http_feed import HttpFeed
from plugins.reporting.rehearsal.stand import QuietHouse, settings_of

_READ_SECONDS = 1.5
"""A slow answer is to be a time-out here."""
_LOOK_SECONDS = 0.05


def main(folder: str, url: str, key: str, ca_file: str, many: str = "") -> None:
    """Deliver for ever; with `many`, fork a process that does so for each line of the input, and print its id.

    What is forked has all modules loaded: a rehearsal of fifty kills need not load them fifty times.
    """
    if not many:
        carry(folder, url, key, ca_file)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the killed
    for _line in sys.stdin:
        child = os.fork()
        if child == 0:
            carry(folder, url, key, ca_file)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def carry(folder: str, url: str, key: str, ca_file: str) -> None:
    """Deliver for ever, in this process."""
    ca = Path(ca_file) if ca_file else None
    house = QuietHouse.build(settings_of(Path(folder), url, key, ca))
    # The rehearsal's regulator is beside us: what takes longer is meant to be too slow.
    house.__dict__["regulator_feed"] = HttpFeed(
        url, key, ca_file=ca, connect_seconds=1, read_seconds=_READ_SECONDS
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        sweep_feed(house)
        house.runner.run_all({FEED: LEASE})
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:6])
