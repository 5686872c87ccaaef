"""The master key in a file of this machine, and its earlier ones beside it until an operator lets them go."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.db.master_key import BESIDE_ROOT, KEY_BYTES, derive, load_or_create, text_of, write_secret
from bridge.db.master_keys import Bare, MasterKeyFacts, Wrapped
from bridge.db.sealing import Algorithm, open_sealed, seal
from bridge.kernel.errors import InvalidInput, Unavailable

CURRENT = "master.key"
_MARKER = "rotating"
_LOCK = ".lock"
_ID_BYTES = 8


class FileMasterKey:
    """`MasterKey` on `keys/master.key`; each file is refused if others than its owner can read it."""

    holder = "file"

    def __init__(self, folder: Path, algorithm: Algorithm = Algorithm.AES_256_GCM) -> None:
        self._folder = folder
        self._algorithm = algorithm
        self._known: dict[str, bytes] = {}
        self._current: tuple[tuple[int, int], str] | None = None

    @property
    def is_there(self) -> bool:
        return (self._folder / CURRENT).exists()

    @property
    def is_root(self) -> bool:
        """Whether the current key is the root key too, as it was before there was another."""
        return not (self._folder / CURRENT).read_text("ascii").startswith(BESIDE_ROOT)

    def secret(self) -> bytes:
        """Return the current key; for the key that was everything before there was a root key."""
        return self._key(self.current())

    def create(self) -> None:
        """Make the current key where there is none; called with the folder `locked`."""
        write_secret(self._folder / CURRENT, text_of(secrets.token_bytes(KEY_BYTES), beside_root=True))

    def current(self) -> str:
        """Return the id of the current key, read anew when the file is another: rotations happen beside us."""
        path = self._folder / CURRENT
        try:
            state = path.stat()
        except FileNotFoundError:
            load_or_create(path, may_create=False)
            raise
        seen = state.st_ino, state.st_mtime_ns
        if self._current is None or self._current[0] != seen:
            key = load_or_create(path, may_create=False)
            self._known[id_of(key)] = key
            self._current = seen, id_of(key)
        return self._current[1]

    def wrap(self, keys: Sequence[Bare]) -> Sequence[Wrapped]:
        """See `MasterKey.wrap`."""
        under = self.current()
        wrapping = derive(self._key(under), "key-wrap")
        return [
            Wrapped(under, seal(self._algorithm, wrapping, one.key, one.bound_to), one.bound_to)
            for one in keys
        ]

    def unwrap(self, keys: Sequence[Wrapped]) -> Sequence[bytes]:
        """See `MasterKey.unwrap`."""
        return [
            open_sealed(derive(self._key(one.under), "key-wrap"), one.sealed, one.bound_to) for one in keys
        ]

    def describe(self) -> MasterKeyFacts:
        """See `MasterKey.describe`."""
        return MasterKeyFacts(self.holder, self.current(), self._algorithm.value, self.older())

    def older(self) -> tuple[str, ...]:
        """Return the ids of earlier keys whose files are there."""
        files = self._folder.glob("master-*.key")
        names = sorted(f"{self.holder}:{path.stem.removeprefix('master-')}" for path in files)
        return tuple(name for name in names if name != self.current())

    @property
    def is_rotating(self) -> bool:
        """Whether a rotation was begun and not finished."""
        return (self._folder / _MARKER).exists()

    def begin_rotation(self) -> str:
        """Make another key the current one, keeping the old; return its id. One that was begun is gone on with."""
        with locked(self._folder):
            marker, current = self._folder / _MARKER, self.current()
            if marker.exists() and json.loads(marker.read_text("ascii"))["to"] == current:
                return current
            fresh = secrets.token_bytes(KEY_BYTES)
            self._keep(current)
            write_secret(marker, json.dumps({"from": current, "to": id_of(fresh)}))
            write_secret(self._folder / CURRENT, text_of(fresh, beside_root=True))
            return self.current()

    def finish_rotation(self) -> None:
        """Note that nothing is wrapped under an earlier key any more."""
        (self._folder / _MARKER).unlink(missing_ok=True)

    def retire(self, key_id: str) -> None:
        """Remove an earlier key for good: what only it opens, in backups too, is noise from now on.

        Raises:
            InvalidInput: master_key_unknown, master_key_current.
        """
        if key_id == self.current():
            raise InvalidInput("master_key_current", "当前主密钥不能移除,请先轮换。", http_status=409)
        if key_id not in self.older():
            raise InvalidInput(
                "master_key_unknown", "没有这把旧主密钥,请用 keys status 查看。", http_status=404
            )
        path = self._old(key_id)
        # Written over first: a file system that copies on write keeps the old blocks, which docs/operate.md says.
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        self._known.pop(key_id, None)

    def _keep(self, current: str) -> None:
        write_secret(self._old(current), text_of(self._key(current), beside_root=not self.is_root))

    def _old(self, key_id: str) -> Path:
        return self._folder / f"master-{key_id.removeprefix(f'{self.holder}:')}.key"

    def _key(self, key_id: str) -> bytes:
        found = self._known.get(key_id)
        if found is None and key_id == self.current():
            found = self._known[key_id]
        if found is None and key_id in self.older():
            key = load_or_create(self._old(key_id), may_create=False)
            if id_of(key) == key_id:
                found = self._known[key_id] = key
        if found is None:
            raise unknown_master_key()
        return found


def id_of(key: bytes) -> str:
    """Return the id of a master key: a fingerprint that says nothing of the key."""
    return f"{FileMasterKey.holder}:{derive(key, 'master-key-id')[:_ID_BYTES].hex()}"


def unknown_master_key() -> Unavailable:
    """Return the refusal of what was wrapped under a key that is not there."""
    return Unavailable(
        "master_key_unknown", "包裹这份内容的主密钥不在本机或密钥服务中,请恢复该密钥后重试。", permanent=False
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change the files of keys."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
