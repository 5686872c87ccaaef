import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.db.field_cipher import FieldCipher, FieldUnreadable
from bridge.db.master_key import derive, load_or_create
from bridge.kernel.errors import Unavailable


def test_the_master_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    key = load_or_create(path)
    assert len(key) == 32
    assert load_or_create(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]


def test_processes_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    ready = threading.Barrier(8)

    def load() -> None:
        ready.wait(10)
        keys.append(load_or_create(tmp_path / "master.key"))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(Unavailable, match="master_key_exposed") as stopped:
        load_or_create(path)
    assert stopped.value.permanent


@pytest.mark.parametrize("content", ["", "00", "zz" * 32, "é"])
def test_a_broken_key_stops_the_start_and_is_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    with pytest.raises(Unavailable, match="master_key_malformed"):
        load_or_create(path)
    assert path.read_text("utf-8") == content


def test_a_missing_key_is_not_made_where_it_must_stand(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="master_key_missing"):
        load_or_create(tmp_path / "master.key", may_create=False)


def test_each_purpose_has_its_own_key() -> None:
    keys = {derive(bytes(32), purpose) for purpose in ("vault-wrap", "field-cipher", "blind-index")}
    assert len(keys) == 3
    assert bytes(32) not in keys


@given(st.text())
def test_a_field_reads_back_as_it_was_written(text: str) -> None:
    cipher = FieldCipher(bytes(32))
    sealed = cipher.encrypt_text(text, table="learner", row_id="ln_1")
    assert cipher.decrypt_text(sealed, table="learner", row_id="ln_1") == text


def test_the_same_text_is_never_sealed_alike() -> None:
    cipher = FieldCipher(bytes(32))
    assert len({cipher.encrypt_text("陈", table="t", row_id="r") for _ in range(9)}) == 9


@pytest.mark.parametrize(("table", "row_id"), [("learner", "ln_2"), ("other", "ln_1")])
def test_a_field_moved_to_another_row_is_unreadable(table: str, row_id: str) -> None:
    cipher = FieldCipher(bytes(32))
    sealed = cipher.encrypt_text("陈晓安", table="learner", row_id="ln_1")
    with pytest.raises(FieldUnreadable):
        cipher.decrypt_text(sealed, table=table, row_id=row_id)


@pytest.mark.parametrize("sealed", ["", "v1.", "v2.AAAA", "v1.???", "v1.AAAA"])
def test_what_is_no_sealed_field_is_unreadable(sealed: str) -> None:
    with pytest.raises(FieldUnreadable):
        FieldCipher(bytes(32)).decrypt_text(sealed, table="t", row_id="r")


def test_a_field_under_another_master_key_is_unreadable() -> None:
    sealed = FieldCipher(bytes(32)).encrypt_text("x", table="t", row_id="r")
    with pytest.raises(FieldUnreadable):
        FieldCipher(b"\x01" * 32).decrypt_text(sealed, table="t", row_id="r")


def test_a_blind_index_is_equal_in_its_domain_and_key_alone() -> None:
    cipher, other = FieldCipher(bytes(32)), FieldCipher(b"\x01" * 32)
    index = cipher.blind_index("440199199003071219", domain="org_a:citizen_id")
    assert index == cipher.blind_index("440199199003071219", domain="org_a:citizen_id")
    assert index != cipher.blind_index("440199199003071219", domain="org_b:citizen_id")
    assert index != other.blind_index("440199199003071219", domain="org_a:citizen_id")
