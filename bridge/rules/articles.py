"""The articles of a pack's document one by one (articles.yaml), for those who must show that each is kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bridge.rules.loader import CONFIG, read_checked

FILE = "articles.yaml"
DutyKind = Literal["none", "system", "people"]


@dataclass(frozen=True, slots=True)
class Duty:
    """What one article asks, in our words.

    Args:
        kind: "none" asks nothing; "system" is enforced or shown by the bridge; "people" is done by `by_zh`.
        evidence: names of what shows today that it is kept.
        enforced_by: parameters of the same pack that cite another article but enforce this one too.
    """

    article: str
    duty_zh: str
    kind: DutyKind
    by_zh: str = ""
    evidence: tuple[str, ...] = ()
    enforced_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unseen:
    """A part of a document of which nobody here has the text."""

    place_zh: str
    why_zh: str


@dataclass(frozen=True, slots=True)
class Articles:
    """What is known of one pack's document. A pack without the file has no duties of its own here."""

    pack_id: str
    duties: tuple[Duty, ...] = ()
    unseen: tuple[Unseen, ...] = ()


def load_articles(pack_ids: Iterable[str], config: Path = CONFIG) -> dict[str, Articles]:
    """Return the articles of each pack below `config`; PackInvalid where a file is wrong."""
    return {pack_id: _load(config / "rulepacks" / pack_id, pack_id) for pack_id in pack_ids}


def _load(folder: Path, pack_id: str) -> Articles:
    file = folder / FILE
    if not file.is_file():
        return Articles(pack_id)
    data = read_checked(file, "articles").data
    return Articles(
        pack_id,
        tuple(
            Duty(
                one["article"],
                one["duty_zh"],
                one["kind"],
                one.get("by_zh", ""),
                tuple(one.get("evidence", ())),
                tuple(one.get("enforced_by", ())),
            )
            for one in data["articles"]
        ),
        tuple(Unseen(one["place_zh"], one["why_zh"]) for one in data.get("unseen", ())),
    )
