"""Where a learner had got to in each unit: what was played beyond the furthest point before the first finish."""

from collections.abc import Iterable, Mapping

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.rules import StudyRules, legal_day
from bridge.ledger.model.sessions import StudiedSession


def beyond_furthest_point(
    sessions: Iterable[StudiedSession],
    nominal_ms: Mapping[str, int],
    rules: StudyRules,
    furthest: dict[str, int],
) -> dict[str, IntervalSet]:
    """Return, by session, the wall time in which the media stood beyond the furthest point reached by playing.

    The furthest point goes on with whatever was played from within it, at no more than the allowed rate, credited or
    not: who missed a check must watch that part again, but may go on first. After the end of a unit was reached every
    part is free. Days on which the rules let media be sought forward never refuse anything, and are followed all the
    same.

    Args:
        nominal_ms: the reviewed length of each unit.
        furthest: the furthest point of each unit before these sessions; it is where they got to afterwards.
    """
    beyond: dict[str, list[tuple[int, int]]] = {}
    played = sorted(
        ((stretch, session) for session in sessions for stretch in session.stretches),
        key=lambda one: (one[0].start_ms, one[1].opened),
    )
    for stretch, session in played:
        limits = rules.on(legal_day(stretch.start_ms))
        reached = furthest.get(session.unit, 0)
        rate = limits.max_rate
        slack = limits.beat_interval_ms * rate.numerator // rate.denominator
        finished = reached >= nominal_ms.get(session.unit, 0)
        if stretch.media_from > reached + slack and not finished and not limits.forward_seek:
            beyond.setdefault(session.id, []).append((stretch.start_ms, stretch.end_ms))
            continue
        allowed = (stretch.end_ms - stretch.start_ms) * rate.numerator // rate.denominator + slack
        furthest[session.unit] = max(reached, min(stretch.media_to, stretch.media_from + allowed))
    return {name: IntervalSet(parts) for name, parts in beyond.items()}
