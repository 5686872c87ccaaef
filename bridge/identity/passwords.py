"""Passwords: what one must be, and how it is kept (argon2id; older scrypt hashes are read until their next use)."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash

from bridge.kernel.errors import InvalidInput

MAX_PASSWORD = 128
_GUESSES = 3
"""Least score of zxcvbn, of 0 to 4: beyond a hundred million guesses by lists, dates, keyboard rows and repeats."""
_LOOKED_AT = 72
"""zxcvbn reads no further: a longer text costs more than it says."""
_OWN_WORDS = ("anxue", "anxueqiao", "安学", "安学桥")

# 19 MiB, two passes: OWASP's least for argon2id. Sixteen threads that all sign in take 300 MiB.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def hash_password(password: str) -> str:
    """Return what is stored in place of the password."""
    return _hasher.hash(password)


def is_right(stored: str | None, typed: str) -> bool:
    """Return whether `typed` is the password; as much work where nothing is stored, so that time tells nothing."""
    typed = typed[:MAX_PASSWORD]
    if stored is not None and stored.startswith("scrypt:"):
        return check_password_hash(stored, typed)
    try:
        _hasher.verify(stored or _decoy(), typed)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Return whether the password should be hashed anew, now that it is known."""
    return stored.startswith("scrypt:") or _hasher.check_needs_rehash(stored)


def require_strong(password: str, login: str, least: int) -> None:
    """Refuse a password that is short, of one kind of character, holds the login, or is among the first to be tried.

    Raises:
        InvalidInput: password_weak, password_common.
    """
    kinds = sum(any(test(c) for c in password) for test in (str.isalpha, str.isdigit, _is_sign))
    if not least <= len(password) <= MAX_PASSWORD or kinds < 2 or login in password.lower():
        raise InvalidInput(
            "password_weak",
            f"密码应为 {least} 至 {MAX_PASSWORD} 位,至少含字母、数字、符号中的两种,且不含账号。",
        )
    # Its word lists take a while to read; who never sets a password never needs them.
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it has none

    guessed = zxcvbn(password[:_LOOKED_AT], user_inputs=[login, *_OWN_WORDS])
    if guessed["score"] < _GUESSES:
        raise InvalidInput(
            "password_common",
            "这个密码太常见,很容易被猜中。请换一个:可以用几个互不相关的词,中间加数字或符号。",
        )


def _is_sign(character: str) -> bool:
    return not character.isalnum()


@cache
def _decoy() -> str:
    return hash_password(secrets.token_urlsafe(16))
