"""The table that docs/attacks.md holds, written by the command alone."""

from collections.abc import Iterable
from datetime import date

from plugins.simulators.attack.campaign import Report
from plugins.simulators.attack.measure import Result

_HEAD = (
    "| attack | what is done | attempted s | forged s | away s | credited s | refused s, by reason | defended by |",
    "|---|---|---|---|---|---|---|---|",
)


def as_markdown(report: Report, made_on: date, *, alone: bool) -> str:
    """Return the document: how it was made, the sums, each attack, the pairs, the honest learners."""
    command = "./anxue attack" + (" --alone" if alone else "") + " --table docs/attacks.md"
    lines = [
        "# Attacks",
        "",
        f"Made by `{command}` on {made_on.isoformat()}; written by the command, not by hand.",
        "",
        "Each row is a client that attacks a real bridge over HTTP: its learner opens the session in person, leaves",
        "it to the tool, and comes back in the end to pass a check. *Forged* is a second that is finally credited",
        "without a check at both ends of its stretch that the right person passed, live. *Away* is what was credited",
        "of the time in which nobody was there: it lies between two passes in a row, and the longest gap between",
        "checks bounds it. All people, and the clock, are made up; doors, ledger, packs and face models are those of",
        "real use. X8 is a stored photograph at the registration of the face, X8c at checks during study: both are",
        "asked for a movement that it does not make. X8d has photographs in every pose that were taken elsewhere, X8e",
        "films of what the learner showed before. What is not stopped is in no total, and stands here with what it",
        "gets: X8p, a photograph that a program bends as the page asks, at the registration and at checks. It ends",
        "where staff look at the person (docs/face.md). The learner in person is such a puppet here, too: nothing here",
        "says how many people pass at the first try.",
        "",
        f"- attempted: {report.attempted_seconds} s",
        f"- forged: {report.forged_seconds} s",
        f"- honest seconds lost beyond the gap limit: {report.honest_lost_seconds} s",
        "",
        *_HEAD,
        *map(_row, report.alone),
        "",
    ]
    if report.pairs:
        lines += [
            f"## In pairs: {len(report.pairs)}",
            "",
            "Those with the most seconds credited while nobody was there; the whole list is in the command's JSON.",
            "",
            *_HEAD,
            *map(_row, _worst(report.pairs)),
            "",
        ]
    lines += [
        "## Honest learners",
        "",
        "| trouble | studied s | credited s | times | lost s | lost beyond the gap limit s |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.title_zh} | {one.studied_seconds} | {one.credited_seconds} | {one.incidents} "
            f"| {one.lost_seconds} | {one.beyond_limit_seconds} |"
            for one in report.honest
        ),
        "",
    ]
    return "\n".join(lines)


def _row(one: Result) -> str:
    forged = (
        str(one.forged_seconds) if one.in_total else f"{one.forged_seconds} (not in the total: not stopped)"
    )
    refused = ", ".join(f"{reason} {seconds}" for reason, seconds in one.refused_seconds.items())
    return (
        f"| {one.id} | {one.title_zh} | {one.attempted_seconds} | {forged} | {one.away_seconds} "
        f"| {one.credited_seconds} | {refused} | {one.defended_by} |"
    )


def _worst(pairs: Iterable[Result]) -> list[Result]:
    return sorted(pairs, key=lambda one: (one.forged_seconds, one.away_seconds), reverse=True)[:20]
