"""Files of course material are kept under their hash, once, and never change."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from plugins.storage.material_folder import MaterialFolder


@pytest.fixture
def files(tmp_path: Path) -> MaterialFolder:
    return MaterialFolder(tmp_path / "materials")


def path_of(tmp_path: Path, name: str) -> Path:
    return tmp_path / "materials" / name[:2] / name


def test_what_is_kept_is_read_back_under_its_hash(files: MaterialFolder) -> None:
    kept = files.keep(BytesIO(b"lesson"))

    assert (kept.sha256, kept.size) == (sha256(b"lesson").hexdigest(), 6)
    with files.open(kept.sha256) as file:
        assert file.read() == b"lesson"
    assert files.is_whole(kept.sha256)


def test_the_same_file_twice_is_one_and_leaves_no_draft(files: MaterialFolder, tmp_path: Path) -> None:
    assert files.keep(BytesIO(b"lesson")) == files.keep(BytesIO(b"lesson"))

    assert [path.name for path in (tmp_path / "materials").rglob("*") if path.is_file()] == [
        sha256(b"lesson").hexdigest()
    ]


def test_only_its_owner_may_read_a_file_and_nobody_may_write_it(
    files: MaterialFolder, tmp_path: Path
) -> None:
    kept = files.keep(BytesIO(b"lesson"))
    assert path_of(tmp_path, kept.sha256).stat().st_mode & 0o777 == 0o400


def test_damage_is_seen_and_the_same_content_mends_it(files: MaterialFolder, tmp_path: Path) -> None:
    kept = files.keep(BytesIO(b"lesson"))
    path = path_of(tmp_path, kept.sha256)
    path.chmod(0o600)
    path.write_bytes(b"lessen")
    assert not files.is_whole(kept.sha256)

    files.keep(BytesIO(b"lesson"))

    assert files.is_whole(kept.sha256)


def test_what_is_not_there_is_not_whole(files: MaterialFolder) -> None:
    assert not files.is_whole("0" * 64)
    with pytest.raises(FileNotFoundError):
        files.open("0" * 64)


@pytest.mark.parametrize("name", ["../keys/master.key", "", "A" * 64, "0" * 63, "0" * 65, f"{'0' * 64}\n"])
def test_no_name_leads_out_of_the_folder(files: MaterialFolder, name: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        files.open(name)
