"""Where a learner had got to in each unit: what was played beyond the furthest point before the first finish."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.rules import StudyLimits, StudyRules, legal_day
from bridge.ledger.model.sessions import Stretch, StudiedSession


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one unit was played, and how much further it may be played at once.

    Args:
        furthest_ms: media ms.
        lead_ms: how far the media may still run ahead of the time that passes.
        until_ms: the moment of which this is said; None before the unit was first played: then the whole tolerance is
            left.
    """

    furthest_ms: int = 0
    lead_ms: int = 0
    until_ms: int | None = None

    def rested(self, at_ms: int, limits: StudyLimits) -> "Reach":
        """Return the reach at `at_ms`, before which nothing was played since; no rest gives more than the tolerance."""
        if self.until_ms is None:
            return Reach(self.furthest_ms, limits.seek_tolerance_ms, at_ms)
        passed = media_in(max(0, at_ms - self.until_ms), limits)
        lead_ms = min(limits.seek_tolerance_ms, self.lead_ms + passed)
        return Reach(self.furthest_ms, lead_ms, max(self.until_ms, at_ms))

    def played(self, stretch: Stretch, limits: StudyLimits) -> "Reach":
        """Return the reach after `stretch`, which begins no earlier than `rested` and not beyond the lead."""
        until_ms = self.until_ms if self.until_ms is not None else stretch.start_ms
        passed = media_in(max(0, stretch.end_ms - until_ms), limits)
        begun = max(0, stretch.media_from - self.furthest_ms)
        most = self.lead_ms + passed
        gone_on = min(max(begun, stretch.media_to - self.furthest_ms), most)
        lead_ms = min(limits.seek_tolerance_ms, most - gone_on)
        return Reach(self.furthest_ms + gone_on, lead_ms, max(until_ms, stretch.end_ms))


def media_in(wall_ms: int, limits: StudyLimits) -> int:
    """Return the media that may pass in so much wall time."""
    return wall_ms * limits.max_rate.numerator // limits.max_rate.denominator


def beyond_furthest_point(
    sessions: Iterable[StudiedSession],
    nominal_ms: Mapping[str, int],
    rules: StudyRules,
    reached: dict[str, Reach],
) -> dict[str, IntervalSet]:
    """Return, by session, the wall time in which the media stood beyond the furthest point reached by playing.

    The furthest point goes on with whatever was played from within it, credited or not: who missed a check must watch
    that part again, but may go on first. Beats come late and pages are loaded anew, so the media may run ahead of the
    time that passes by the tolerance and never by more, however many small jumps that takes; time in which the media
    stands, or is watched again, gives it back. After the end of a unit was reached every part is free. Days on which
    the rules let media be sought forward never refuse anything, and are followed all the same.

    Args:
        nominal_ms: the reviewed length of each unit.
        reached: how far each unit was played before these sessions, and afterwards.
    """
    beyond: dict[str, list[tuple[int, int]]] = {}
    played = sorted(
        ((stretch, session) for session in sessions for stretch in session.stretches),
        # By the end: what a silent device says of minutes comes when they are over.
        key=lambda one: (one[0].end_ms, one[1].opened),
    )
    for stretch, session in played:
        limits = rules.on(legal_day(stretch.start_ms))
        here = reached.get(session.unit, Reach())
        if here.furthest_ms >= nominal_ms.get(session.unit, 0):
            continue
        if limits.forward_seek:
            furthest_ms = max(here.furthest_ms, stretch.media_from, stretch.media_to)
            reached[session.unit] = Reach(furthest_ms)
            continue
        here = here.rested(stretch.start_ms, limits)
        if stretch.media_from > here.furthest_ms + here.lead_ms:
            beyond.setdefault(session.id, []).append((stretch.start_ms, stretch.end_ms))
            reached[session.unit] = here.rested(stretch.end_ms, limits)
        else:
            reached[session.unit] = here.played(stretch, limits)
    return {name: IntervalSet(parts) for name, parts in beyond.items()}
