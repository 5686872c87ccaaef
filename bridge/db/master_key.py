"""The one secret of an installation, in a file that only its owner can read, and the keys derived from it."""

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.kernel.errors import Unavailable

KEY_BYTES = 32
BESIDE_ROOT = "v2 "
"""Begins the file of a key beside which a root key stands; without that the key itself was everything."""


def load_or_create(path: Path, *, may_create: bool = True) -> bytes:
    """Return the 32 bytes of the master key in `path`, making the file (0600) if there is none.

    Two processes that start at once get the same key. Losing this file loses all that is encrypted.

    Raises:
        Unavailable("master_key_missing" | "master_key_exposed" | "master_key_malformed"): permanent.
    """
    if not path.exists():
        if not may_create:
            raise Unavailable("master_key_missing", "找不到主密钥文件,请从备份恢复后再启动。", permanent=True)
        _create(path, text_of(secrets.token_bytes(KEY_BYTES), beside_root=False))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Unavailable(
            "master_key_exposed", "主密钥文件可被其他用户读取,请把权限改为 0600 后再启动。", permanent=True
        )
    try:
        key = bytes.fromhex(path.read_text("ascii").strip().removeprefix(BESIDE_ROOT))
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


def text_of(key: bytes, *, beside_root: bool) -> str:
    """Return what the file of a key holds."""
    return f"{BESIDE_ROOT if beside_root else ''}{key.hex()}\n"


def _create(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link appears whole or not at all, and never replaces the key that another process made.
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    _sync(path.parent)


def write_secret(path: Path, text: str) -> None:
    """Write a file (0600) whole or not at all, in place of one that is there, durably."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _malformed() -> Unavailable:
    return Unavailable("master_key_malformed", "主密钥文件内容不完整,请从备份恢复后再启动。", permanent=True)
