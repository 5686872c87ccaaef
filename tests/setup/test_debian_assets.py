import hashlib
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.kernel.errors import Unavailable
from bridge.setup.assets import DebianPackage, LockedFile, ensure_debian, read_debian_lock

_CONTENT = b"a font\n"
_PLACE = "usr/share/fonts/x/x.ttf"


def _package(content: bytes = _CONTENT) -> DebianPackage:
    file = LockedFile(_PLACE, "fonts/rare/x.ttf", len(content), hashlib.sha256(content).hexdigest())
    return DebianPackage("fonts-x", "没有它,某些字印不出。", (file,))


def _with_apt(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put an apt-get on the path that gives one real package, made by dpkg-deb."""
    tree = folder / "tree"
    (tree / _PLACE).parent.mkdir(parents=True)
    (tree / _PLACE).write_bytes(content)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: fonts-x\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: made up\n"
    )
    subprocess.run(["dpkg-deb", "--build", tree, folder / "x.deb"], check=True, capture_output=True)
    programs = folder / "bin"
    programs.mkdir()
    script = programs / "apt-get"
    script.write_text(f'#!/bin/sh\ncase "$*" in *download*) cp "{folder}/x.deb" fonts-x_1_all.deb ;; esac\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


def test_a_file_is_taken_out_of_a_package_without_installing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_apt(tmp_path, monkeypatch, _CONTENT)
    assets, said = tmp_path / "assets", list[str]()
    assert ensure_debian(_package(), assets, progress=said.append, root=tmp_path / "none")
    assert [p.relative_to(assets).as_posix() for p in assets.rglob("*") if p.is_file()] == [
        "fonts/rare/x.ttf"
    ]
    assert (assets / "fonts/rare/x.ttf").read_bytes() == _CONTENT
    monkeypatch.setenv("PATH", "")
    assert ensure_debian(_package(), assets, progress=said.append, root=tmp_path / "none")
    assert said == ["assets: fonts-x ready (1 file(s))"]


def test_a_machine_that_has_the_package_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "root" / _PLACE).parent.mkdir(parents=True)
    (tmp_path / "root" / _PLACE).write_bytes(_CONTENT)
    assert ensure_debian(_package(), tmp_path / "assets", progress=lambda _line: None, root=tmp_path / "root")


def test_another_file_than_the_locked_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_apt(tmp_path, monkeypatch, b"other\n")
    with pytest.raises(Unavailable) as caught:
        ensure_debian(_package(), tmp_path / "assets", progress=lambda _line: None, root=tmp_path / "none")
    assert caught.value.reason == "asset_hash_mismatch"
    assert not (tmp_path / "assets/fonts/rare/x.ttf").exists()


def test_without_apt_set_up_says_what_is_lacking_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    said = list[str]()
    assert not ensure_debian(_package(), tmp_path / "assets", progress=said.append, root=tmp_path / "none")
    assert len(said) == 1
    assert "apt-get install fonts-x" in said[0]
    assert said[0].endswith("没有它,某些字印不出。")


def test_a_package_without_the_file_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_apt(tmp_path, monkeypatch, _CONTENT)
    other = replace(_package(), files=(replace(_package().files[0], source="usr/share/other.ttf"),))
    assert not ensure_debian(other, tmp_path / "assets", progress=lambda _line: None, root=tmp_path / "none")


def test_the_lock_in_the_repository_names_the_font_for_rare_characters() -> None:
    (package,) = read_debian_lock()
    assert package.name == "fonts-hanazono"
    assert [file.target for file in package.files] == [
        "fonts/rare/HanaMinB.ttf",
        "fonts/rare/HanaMinB.copyright",
    ]
    assert all(len(file.sha256) == 64 for file in package.files)
