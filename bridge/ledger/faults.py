"""What may be wrong with a ledger in a database, each named by its place."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """One thing that is not as the bridge wrote it.

    Args:
        code: stable; see the sentences where they are made.
        learner, class_run: whose chain; "" where the tree itself is meant.
        seq: number of the (first) entry concerned; None where no entry is.
        last_seq: number of the last entry concerned, where it is a stretch.
        leaf: number of the leaf of the tree, from 0; None where none is.
        what: the columns or things that differ.
    """

    code: str
    institution: str
    sentence_zh: str
    learner: str = ""
    class_run: str = ""
    seq: int | None = None
    last_seq: int | None = None
    leaf: int | None = None
    what: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as one JSON object; what does not apply is left out."""
        known = {
            "code": self.code,
            "institution": self.institution,
            "learner": self.learner,
            "class_run": self.class_run,
            "seq": self.seq,
            "last_seq": self.last_seq,
            "leaf": self.leaf,
            "what": list(self.what),
            "message": self.sentence_zh,
        }
        return {name: value for name, value in known.items() if value not in ("", None, [])}
