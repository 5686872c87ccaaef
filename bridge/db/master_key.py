"""The one secret of an installation, in a file that only its owner can read, and the keys derived from it."""

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.kernel.errors import Unavailable

KEY_BYTES = 32


def load_or_create(path: Path, *, may_create: bool = True) -> bytes:
    """Return the 32 bytes of the master key in `path`, making the file (0600) if there is none.

    Two processes that start at once get the same key. Losing this file loses all that is encrypted.

    Raises:
        Unavailable("master_key_missing" | "master_key_exposed" | "master_key_malformed"): permanent.
    """
    if not path.exists():
        if not may_create:
            raise Unavailable("master_key_missing", "找不到主密钥文件,请从备份恢复后再启动。", permanent=True)
        _create(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Unavailable(
            "master_key_exposed", "主密钥文件可被其他用户读取,请把权限改为 0600 后再启动。", permanent=True
        )
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError as error:
        raise _malformed() from error
    if len(key) != KEY_BYTES:
        raise _malformed()
    return key


def derive(master_key: bytes, purpose: str) -> bytes:
    """Return the 32-byte key for `purpose` (HKDF-SHA256, RFC 5869); purposes never share a key."""
    if len(master_key) != KEY_BYTES:
        raise ValueError("a master key has 32 bytes")
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"anxue-bridge/v1/" + purpose.encode()).derive(
        master_key
    )


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link appears whole or not at all, and never replaces the key that another process made.
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _malformed() -> Unavailable:
    return Unavailable("master_key_malformed", "主密钥文件内容不完整,请从备份恢复后再启动。", permanent=True)
