"""Sealed records: what RFC 8998 says of SM4-GCM, and what holds of either algorithm."""

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from bridge.db.field_cipher import FieldCipher, FieldUnreadable
from bridge.db.sealing import (
    Algorithm,
    Tampered,
    algorithm_of,
    new_key,
    open_sealed,
    seal,
    sm4_gcm_decrypt,
    sm4_gcm_encrypt,
)

KEY = bytes(range(32))
ALGORITHMS = st.sampled_from(list(Algorithm))

# RFC 8998, appendix A.1.
RFC_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
RFC_NONCE = bytes.fromhex("00001234567800000000ABCD")
RFC_AAD = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
RFC_PLAIN = bytes.fromhex(
    "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD"
    "EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA"
)
RFC_SEALED = bytes.fromhex(
    "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
    "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    "83DE3541E4C2B58177E065A9BF7B62EC"
)


def test_sm4_gcm_is_that_of_rfc_8998() -> None:
    assert sm4_gcm_encrypt(RFC_KEY, RFC_NONCE, RFC_PLAIN, RFC_AAD) == RFC_SEALED
    assert sm4_gcm_decrypt(RFC_KEY, RFC_NONCE, RFC_SEALED, RFC_AAD) == RFC_PLAIN
    with pytest.raises(InvalidTag):
        sm4_gcm_decrypt(RFC_KEY, RFC_NONCE, RFC_SEALED, RFC_AAD + b"\0")


@given(ALGORITHMS, st.binary(max_size=200), st.binary(max_size=60))
def test_what_is_sealed_opens_and_says_how_it_was_sealed(
    algorithm: Algorithm, content: bytes, bound_to: bytes
) -> None:
    sealed = seal(algorithm, KEY, content, bound_to)
    assert open_sealed(KEY, sealed, bound_to) == content
    assert algorithm_of(sealed) is algorithm


@given(ALGORITHMS, st.binary(max_size=40), st.data())
def test_any_bit_that_is_changed_closes_it(algorithm: Algorithm, content: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(algorithm, KEY, content, b"here"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Tampered):
        open_sealed(KEY, bytes(sealed), b"here")


@given(ALGORITHMS, st.binary(max_size=40), st.data())
def test_what_is_cut_off_closes_it(algorithm: Algorithm, content: bytes, data: st.DataObject) -> None:
    sealed = seal(algorithm, KEY, content, b"here")
    with pytest.raises(Tampered):
        open_sealed(KEY, sealed[: data.draw(st.integers(0, len(sealed) - 1))], b"here")


@given(ALGORITHMS, st.binary(max_size=20), st.binary(max_size=20))
def test_it_opens_only_where_it_belongs(algorithm: Algorithm, here: bytes, there: bytes) -> None:
    sealed = seal(algorithm, KEY, b"content", here)
    if here != there:
        with pytest.raises(Tampered):
            open_sealed(KEY, sealed, there)
    with pytest.raises(Tampered):
        open_sealed(new_key(), sealed, here)


@pytest.mark.parametrize("written", list(Algorithm))
@pytest.mark.parametrize("read", list(Algorithm))
def test_a_field_is_read_whatever_the_setting_says_now(written: Algorithm, read: Algorithm) -> None:
    sealed = FieldCipher(KEY, written).encrypt_text("陈晓安", table="learner", row_id="ln_1")
    assert FieldCipher(KEY, read).decrypt_text(sealed, table="learner", row_id="ln_1") == "陈晓安"
    with pytest.raises(FieldUnreadable):
        FieldCipher(KEY, read).decrypt_text(sealed, table="learner", row_id="ln_2")
