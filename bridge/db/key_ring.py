"""All keys of an installation: the root key, of which keys without a person are derived, and what wraps the others.

Master key (a file or a key service) ─ wraps ─► root key (`keys/root.wrapped`) ─ derives ─► blind index, marks, sessions
                                     └ wraps ─► data keys, one for each person, purpose and class run

So the master key can be changed without a content being touched. An installation from before there was a root key has
its first master key for one, and data keys that were wrapped under that.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.db.file_master_key import FileMasterKey, locked, unknown_master_key
from bridge.db.master_key import derive, write_secret
from bridge.db.master_keys import Bare, MasterKey, MasterKeyFacts, Wrapped
from bridge.db.sealing import Algorithm, Tampered, new_key
from bridge.db.short_memory import ShortMemory
from bridge.kernel.errors import Unavailable

ROOT_FILE = "root.wrapped"
OF_ROOT = ""
"""In place of a master key's id: wrapped under the root key, as before there were master keys to change."""
_ROOT_BOUND = b"anxue-bridge root key"
_NONCE_BYTES = 12
_MOST_KEPT = 4096
"""Practice: of how many keys a process remembers what a key service unwrapped, for a minute."""


class KeyRing:
    """Wraps and unwraps data keys.

    Args:
        root: 32 bytes.
        master: holds the key that wraps from now on.
        earlier: holders that unwrap what they wrapped before.
    """

    def __init__(
        self,
        root: bytes,
        master: MasterKey | None = None,
        earlier: Sequence[MasterKey] = (),
        algorithm: Algorithm = Algorithm.AES_256_GCM,
    ) -> None:
        self.root = root
        self.algorithm = algorithm
        self.master = master
        self._holders: Mapping[str, MasterKey] = {
            one.holder: one for one in (*earlier, *(() if master is None else (master,)))
        }
        self._remembered: ShortMemory[bytes, bytes] = ShortMemory(_MOST_KEPT)
        self.forgets: list[Callable[[], None]] = [self._remembered.clear]
        """Called when a key was destroyed in this process: what was read with keys must not outlive them."""

    @property
    def holders(self) -> Sequence[MasterKey]:
        """All that wrap or unwrap."""
        return tuple(self._holders.values())

    def wrap(self, keys: Sequence[Bare]) -> Sequence[Wrapped]:
        """Return the keys wrapped under the current master key; Unavailable as `MasterKey.wrap`."""
        if self.master is None:
            return [self._wrap_under_root(one) for one in keys]
        return self.master.wrap(keys)

    def unwrap(self, keys: Sequence[Wrapped]) -> Sequence[bytes]:
        """Return the bare keys, in order; one question for all that a holder must be asked.

        Raises:
            Unavailable, Tampered: as `MasterKey.unwrap`.
        """
        found: dict[int, bytes] = {}
        asked: dict[str, list[int]] = {}
        for number, one in enumerate(keys):
            # Who names it has it from the database, where a destroyed key is no more.
            known = self._remembered.get(_name(one))
            if known is not None:
                found[number] = known
            elif one.under == OF_ROOT:
                found[number] = self._unwrap_under_root(one)
            else:
                asked.setdefault(one.under.partition(":")[0], []).append(number)
        for name, numbers in asked.items():
            holder = self._holders.get(name)
            if holder is None:
                raise unknown_master_key()
            wanted = [keys[number] for number in numbers]
            for number, one, bare in zip(numbers, wanted, holder.unwrap(wanted), strict=True):
                found[number] = bare
                if name != FileMasterKey.holder:
                    self._remembered.put(_name(one), bare)
        return [found[number] for number in range(len(keys))]

    def forget(self) -> None:
        """Drop what this process remembers of what was read with keys."""
        for forget in self.forgets:
            forget()

    def describe(self) -> MasterKeyFacts:
        """Return what is known of the current master key."""
        if self.master is None:
            raise unknown_master_key()
        return self.master.describe()

    def _wrap_under_root(self, one: Bare) -> Wrapped:
        nonce = new_key()[:_NONCE_BYTES]
        sealed = AESGCM(derive(self.root, "vault-wrap")).encrypt(nonce, one.key, one.bound_to)
        return Wrapped(OF_ROOT, nonce + sealed, one.bound_to)

    def _unwrap_under_root(self, one: Wrapped) -> bytes:
        try:
            return AESGCM(derive(self.root, "vault-wrap")).decrypt(
                one.sealed[:_NONCE_BYTES], one.sealed[_NONCE_BYTES:], one.bound_to
            )
        except (InvalidTag, ValueError) as error:
            raise Tampered from error


def _name(one: Wrapped) -> bytes:
    return sha256(one.bound_to + b"\0" + one.sealed).digest()


def open_root(folder: Path, master: MasterKey, earlier: Sequence[MasterKey] = ()) -> bytes:
    """Return the root key of `folder`; made, with a master key in a file where that is where it is kept, if it is new.

    Raises:
        Unavailable: as `MasterKey.unwrap`; root_key_malformed, root_key_missing (permanent).
    """
    with locked(folder):
        path = folder / ROOT_FILE
        if path.exists():
            return _read_root(path, {one.holder: one for one in (*earlier, master)})
        file = next((one for one in (master, *earlier) if isinstance(one, FileMasterKey)), None)
        if file is not None and file.is_there:
            if file.is_root:
                return file.secret()
            raise Unavailable(
                "root_key_missing",
                "找不到 keys/root.wrapped,请把它和主密钥一起从备份恢复后再启动。",
                permanent=True,
            )
        if isinstance(master, FileMasterKey):
            master.create()
        root = new_key()
        write_root(folder, root, master)
        return root


def write_root(folder: Path, root: bytes, master: MasterKey) -> str:
    """Keep the root key wrapped under the current master key; return the id of that."""
    (wrapped,) = master.wrap([Bare(root, _ROOT_BOUND)])
    said = {"v": 1, "under": wrapped.under, "wrapped": base64.b64encode(wrapped.sealed).decode("ascii")}
    write_secret(folder / ROOT_FILE, json.dumps(said) + "\n")
    return wrapped.under


def root_is_under(folder: Path) -> str:
    """Return the id of the master key that wraps the root key; "" for an installation from before there was one."""
    path = folder / ROOT_FILE
    return str(json.loads(path.read_text("ascii"))["under"]) if path.exists() else OF_ROOT


def _read_root(path: Path, holders: Mapping[str, MasterKey]) -> bytes:
    try:
        said = json.loads(path.read_text("ascii"))
        wrapped = Wrapped(str(said["under"]), base64.b64decode(said["wrapped"]), _ROOT_BOUND)
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed() from error
    holder = holders.get(wrapped.under.partition(":")[0])
    if holder is None:
        raise unknown_master_key()
    try:
        (root,) = holder.unwrap([wrapped])
    except Tampered as error:
        raise _malformed() from error
    return root


def _malformed() -> Unavailable:
    return Unavailable(
        "root_key_malformed",
        "keys/root.wrapped 无法用当前主密钥还原,请把它和主密钥一起从备份恢复后再启动。",
        permanent=True,
    )
