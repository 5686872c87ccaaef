"""Who registers anew because the model changed: what vouches for them, and what becomes of the earlier anchor.

Templates of two models cannot be compared, so an anchor does not go over by itself. A person whom staff saw with the
card is vouched for by the pictures of that moment: their faces are read by the new model, and the new registration is
compared with them. Where nothing vouches the new registration is not anchored, and staff are asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bridge.presence.face import FaceTemplate
from bridge.presence.model import FaceReference, RecogniserInForce

UNNAMED = "unnamed"
"""In place of the id of a reference of earlier versions, which had none."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Pictures that staff took of a person who stood beside their card. Biometric data: lives in memory only.

    Args:
        card_check: whose pictures they are.
        jpegs: of the face that was found to be the reference then, the best first; at least one.
    """

    card_check: str
    jpegs: tuple[bytes, ...]


class Vouching(Protocol):
    """Says what vouches for whoever registers anew in a reference's place."""

    def __call__(self, reference: FaceReference, /) -> Vouched | None:
        """Return the pictures of the staff's check by which it was anchored; None where that is in force no more."""
        ...


def nobody_vouches(_reference: FaceReference, /) -> Vouched | None:
    """Return None: nothing is left of any check of a card."""
    return None


def in_place_of(before: FaceReference | None, recogniser: RecogniserInForce) -> str:
    """Return in which anchored reference's place a registration of today stands; "" for none."""
    if before is None:
        return ""
    if before.is_of(recogniser):
        return before.renews
    return "" if before.anchored_ms is None else before.id or UNNAMED


def template_of(vouched: Vouched | None, read: Callable[[bytes], FaceTemplate | None]) -> FaceTemplate | None:
    """Return the face of the first picture in which the new model finds one; None if it finds none."""
    for jpeg in () if vouched is None else vouched.jpegs:
        found = read(jpeg)
        if found is not None:
            return found
    return None
