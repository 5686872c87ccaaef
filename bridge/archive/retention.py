"""How long a class run's archive is kept: the pack's years, counted from the day it closes. Pure."""

from dataclasses import dataclass
from datetime import date

from bridge.registry.model import ClassRun
from bridge.rules.model import NoRuleInForce, ProfileInForce, Resolved

CLASS_OF = "retention.archive_class"
"""Keyed by learner category; its value is a key of `YEARS`."""
YEARS = {
    "special_operation": "retention.special_operation_archive_years",
    "principal_manager": "retention.principal_manager_archive_years",
}


@dataclass(frozen=True, slots=True)
class Retention:
    """How long, and by which rule.

    Args:
        archive_class: a key of `YEARS`; None where no pack knows the category: then the longest term binds.
        last_day: the last day on which the archive must be kept.
        rule: what gives the years.
    """

    archive_class: str | None
    last_day: date
    rule: Resolved

    def over(self, today: date) -> bool:
        """Return whether the archive need not be kept any more on the legal day `today`."""
        return today > self.last_day

    def facts(self) -> dict[str, object]:
        """Return the rule as JSON values, for a receipt."""
        one = self.rule.parameter
        return {
            "class": self.archive_class,
            "parameter": one.name,
            "years": self.rule.integer(),
            "pack": self.rule.pack_id,
            "pack_sha256": self.rule.pack_hash,
            "basis": one.citation.basis.value,
            "last_day": self.last_day.isoformat(),
        }


def retention_of(run: ClassRun, profile: ProfileInForce, on: date) -> Retention:
    """Return how long the archive of `run` is kept by the rules in force on the legal day `on`.

    Raises:
        NoRuleInForce: no term is in force; then nothing may end.
    """
    archive_class = _class_of(run, profile, on)
    names = YEARS.values() if archive_class is None else (YEARS[archive_class],)
    rule = max((profile.value(name, on) for name in names), key=Resolved.integer)
    return Retention(archive_class, years_after(run.closes_on, rule.integer()), rule)


def _class_of(run: ClassRun, profile: ProfileInForce, on: date) -> str | None:
    if not run.category:
        return None
    try:
        named = profile.value(f"{CLASS_OF}.{run.category}", on).string()
    except NoRuleInForce:
        return None
    return named if named in YEARS else None


def years_after(day: date, years: int) -> date:
    """Return the same day so many years later; the 28th where a 29th of February has none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
