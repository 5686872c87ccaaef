"""The port behind which the master key is kept: it wraps the keys that encrypt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bare:
    """A key to be wrapped.

    Args:
        key: 32 bytes.
        bound_to: what the wrapped key must be given with again.
    """

    key: bytes
    bound_to: bytes


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A wrapped key.

    Args:
        under: id of the master key that wrapped it.
    """

    under: str
    sealed: bytes
    bound_to: bytes


@dataclass(frozen=True, slots=True)
class MasterKeyFacts:
    """What an operator is told of a master key.

    Args:
        holder: "file" or "kms".
        id: of the key that wraps now.
        algorithm: in the holder's own word.
        older: ids of keys that still unwrap.
    """

    holder: str
    id: str
    algorithm: str
    older: tuple[str, ...] = ()


class MasterKey(Protocol):
    """Wraps and unwraps keys; `plugins/keys/` holds the adapters beside the file (`file_master_key`)."""

    holder: str
    """Every id of a key of this holder begins with this and a colon."""

    def wrap(self, keys: Sequence[Bare]) -> Sequence[Wrapped]:
        """Return the keys wrapped under the current master key, in order.

        Raises:
            Unavailable: kms_unavailable, kms_refused (both worth another try), or the file's own reasons.
        """
        ...

    def unwrap(self, keys: Sequence[Wrapped]) -> Sequence[bytes]:
        """Return the bare keys, in order.

        Raises:
            Unavailable: as `wrap`; master_key_unknown: its key is not there (any more).
            Tampered: a wrapped key was changed or belongs elsewhere.
        """
        ...

    def describe(self) -> MasterKeyFacts:
        """Return what is known of the current key; Unavailable as `wrap`."""
        ...
