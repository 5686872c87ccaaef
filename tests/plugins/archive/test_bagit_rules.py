"""Bags of others by the standard: what is valid, what is refused, what is only told."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.archive.bagit_bag import BagitBag
from plugins.archive.bagit_rules import examine

DECLARED = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
DRAFT = "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"


def bag(folder: Path, declared: str = DECLARED, manifest: str | None = None, name: str = "a.txt") -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / name).write_bytes(b"content")
    (folder / "bagit.txt").write_bytes(declared.encode())
    line = f"{hashlib.sha256(b'content').hexdigest()}  data/{name}\n"
    (folder / "manifest-sha256.txt").write_text(line if manifest is None else manifest)
    return folder


def digest() -> str:
    return hashlib.sha256(b"content").hexdigest()


def test_a_plain_bag_is_valid(tmp_path: Path) -> None:
    verdict = examine(bag(tmp_path / "b"))
    assert (verdict.valid, verdict.version, verdict.warnings) == (True, "1.0", ())


@pytest.mark.parametrize(
    "declared",
    [
        "BagIt-Version : 1.0\nTag-File-Character-Encoding : UTF-8\n",
        "BagIt-Version: 1.0 \nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version:  1.0\nTag-File-Character-Encoding: UTF-8\n",
        "\ufeffBagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n\n",
        "BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0\n",
        "",
    ],
)
def test_a_declaration_that_is_not_the_standards_is_refused(tmp_path: Path, declared: str) -> None:
    assert not examine(bag(tmp_path / "b", declared)).valid


def test_a_draft_allows_blanks_in_its_declaration(tmp_path: Path) -> None:
    declared = "BagIt-Version : 0.97 \nTag-File-Character-Encoding : UTF-8\n"
    assert examine(bag(tmp_path / "b", declared)).valid


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "data/../../outside",
        "/etc/passwd",
        "~/x",
        "C:\\x",
        "\\\\server\\x",
        "other/x",
        "data/a\x00.txt",
    ],
)
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, path: str) -> None:
    made = bag(tmp_path / "b", manifest=f"{digest()}  data/a.txt\n{digest()}  {path}\n")
    assert any("leads outside" in one for one in examine(made).errors)


def test_a_path_is_decoded_as_its_version_says(tmp_path: Path) -> None:
    assert examine(bag(tmp_path / "a", manifest=f"{digest()}  data/a%25.txt\n", name="a%.txt")).valid
    assert examine(bag(tmp_path / "b", DRAFT, f"{digest()}  data/a%25.txt\n", name="a%25.txt")).valid
    assert examine(bag(tmp_path / "c", manifest=f"{digest()}  data/a%0Ab.txt\n", name="a\nb.txt")).valid


def test_a_name_that_stands_twice_is_refused_from_1_0_on(tmp_path: Path) -> None:
    twice = f"{digest()}  data/a.txt\n{digest()}  data/a.txt\n"
    assert not examine(bag(tmp_path / "a", manifest=twice)).valid
    draft = examine(bag(tmp_path / "b", DRAFT, twice))
    assert draft.valid
    assert draft.warnings
    differs = f"{digest()}  data/a.txt\n{'0' * 64}  data/a.txt\n"
    assert not examine(bag(tmp_path / "c", DRAFT, differs)).valid


def second_manifest(made: Path) -> None:
    (made / "manifest-sha512.txt").write_text("")


def unlisted(made: Path) -> None:
    (made / "data" / "more.txt").write_text("x")


def changed(made: Path) -> None:
    (made / "data" / "a.txt").write_bytes(b"Content")


def gone(made: Path) -> None:
    (made / "data" / "a.txt").unlink()


def link(made: Path) -> None:
    (made / "data" / "link").symlink_to("/etc/hostname")


def oxum(made: Path) -> None:
    (made / "bag-info.txt").write_text("Payload-Oxum: 8.1\n")


def tags(made: Path) -> None:
    (made / "tagmanifest-sha256.txt").write_text(f"{'0' * 64}  bagit.txt\n")


def fetch(made: Path) -> None:
    (made / "fetch.txt").write_text("https://example.org/x - ../outside\n")


def no_manifest(made: Path) -> None:
    (made / "manifest-sha256.txt").unlink()


def other_encoding(made: Path) -> None:
    (made / "bagit.txt").write_text(DECLARED.replace("UTF-8", "UTF-16"))


@pytest.mark.parametrize(
    "spoil",
    [second_manifest, unlisted, changed, gone, link, oxum, tags, fetch, no_manifest, other_encoding],
)
def test_what_is_not_complete_or_not_whole_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    made = bag(tmp_path / "b")
    spoil(made)
    assert not examine(made).valid


def test_a_draft_needs_each_file_in_one_manifest_only(tmp_path: Path) -> None:
    made = bag(tmp_path / "b", DRAFT)
    second_manifest(made)
    assert examine(made).valid


def test_a_file_that_a_system_took_away_is_told_and_1_0_knows_no_such_leniency(tmp_path: Path) -> None:
    lines = f"{digest()}  data/a.txt\n{digest()}  data/.DS_Store\n"
    draft = examine(bag(tmp_path / "a", DRAFT, lines))
    assert draft.valid
    assert draft.warnings
    assert not examine(bag(tmp_path / "b", manifest=lines)).valid


def test_our_own_bag_stands_the_standard_and_a_folder_that_is_none_does_not(tmp_path: Path) -> None:
    for path, content in BagitBag().seal({"x/y.json": b"{}"}, {}).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert examine(tmp_path).valid
    assert not examine(tmp_path / "nowhere").valid
