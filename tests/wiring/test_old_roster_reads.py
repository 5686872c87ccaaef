"""The sweep that runs all the time lets old readings of rosters go."""

from bridge.identity.roster_sweep import READS_KEPT
from bridge.wiring.jobs import sweep
from tests.wiring.lms import Lms


def test_the_sweep_keeps_the_last_reading_of_a_course(lms: Lms) -> None:
    lms.launch("u-1", nrps=f"{lms.services.origin}/roster")
    for _ in range(3):
        lms.work()
        lms.pass_time(hours=2)
    (before,) = lms.rows("SELECT count(*) FROM lms_roster_read")[0]
    assert before == 3

    lms.pass_time(days=READS_KEPT.days + 1)
    lms.house.__dict__["_nudger"] = lambda _jobs: None
    sweep(lms.house)

    (after,) = lms.rows("SELECT count(*) FROM lms_roster_read")[0]
    assert after == 1
