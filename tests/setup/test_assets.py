import base64
import hashlib
import io
import json
import stat
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.setup.assets import LockedFile, LockedPackage, ensure_assets, read_lock

_CONTENT = b"window.x = 1;\n"


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _package(archive: bytes, content: bytes = _CONTENT, source: str = "dist/x.js") -> LockedPackage:
    return LockedPackage(
        name="x",
        version="1.0.0",
        integrity=f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}",
        files=(LockedFile(source, "web/x.js", len(content), hashlib.sha256(content).hexdigest()),),
    )


class FakeNpm:
    """A stand-in for npm: a script that copies one prepared archive and notes how often it was asked."""

    def __init__(self, folder: Path, archive: bytes, failures: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "archive").write_bytes(archive)
        self.calls = folder / "calls"
        self.calls.write_text("[]")
        script = folder / "npm.py"
        script.write_text(
            "import json, pathlib, shutil, sys\n"
            f"home = pathlib.Path({str(folder)!r})\n"
            "calls = json.loads((home / 'calls').read_text()) + [sys.argv[1:]]\n"
            "(home / 'calls').write_text(json.dumps(calls))\n"
            f"if len(calls) <= {failures}: sys.exit('npm error network')\n"
            "shutil.copy(home / 'archive', 'x-1.0.0.tgz')\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self._command = [sys.executable, str(script)]

    def command(self) -> list[str]:
        return self._command

    def asked(self) -> list[list[str]]:
        calls: list[list[str]] = json.loads(self.calls.read_text())
        return calls


def _fetch(tmp_path: Path, package: LockedPackage, npm: FakeNpm) -> Path:
    return ensure_assets(
        tmp_path / "assets", packages=[package], npm_command=npm.command, progress=lambda _: None
    )


def test_only_the_named_file_is_taken_and_a_second_run_asks_nobody(tmp_path: Path) -> None:
    archive = _archive({"package/dist/x.js": _CONTENT, "package/install.sh": b"no"})
    npm = FakeNpm(tmp_path / "npm", archive)
    folder = _fetch(tmp_path, _package(archive), npm)
    assert [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()] == ["web/x.js"]
    assert (folder / "web/x.js").read_bytes() == _CONTENT
    _fetch(tmp_path, _package(archive), npm)
    assert len(npm.asked()) == 1
    assert npm.asked()[0][:2] == ["pack", "x@1.0.0"]
    assert "--ignore-scripts" in npm.asked()[0]


def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    archive = _archive({"package/dist/x.js": _CONTENT})
    npm = FakeNpm(tmp_path / "npm", archive)
    folder = _fetch(tmp_path, _package(archive), npm)
    (folder / "web/x.js").write_bytes(_CONTENT.replace(b"1", b"2"))
    _fetch(tmp_path, _package(archive), npm)
    assert (folder / "web/x.js").read_bytes() == _CONTENT


def test_another_archive_than_the_locked_one_is_refused(tmp_path: Path) -> None:
    archive = _archive({"package/dist/x.js": _CONTENT})
    other = _archive({"package/dist/x.js": _CONTENT, "package/more": b"x"})
    with pytest.raises(Unavailable) as caught:
        _fetch(tmp_path, _package(archive), FakeNpm(tmp_path / "npm", other))
    assert caught.value.reason == "package_integrity_mismatch"
    assert not (tmp_path / "assets/web/x.js").exists()


@pytest.mark.parametrize(
    "members",
    [
        {"package/dist/x.js": b"window.x = 2;\n"},
        {"package/dist/x.js": _CONTENT + b"more"},
        {"package/dist/y.js": _CONTENT},
        {"../package/dist/x.js": _CONTENT},
    ],
)
def test_another_file_than_the_locked_one_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    archive = _archive(members)
    with pytest.raises(Unavailable) as caught:
        _fetch(tmp_path, _package(archive), FakeNpm(tmp_path / "npm", archive))
    assert caught.value.reason == "asset_hash_mismatch"
    assert not (tmp_path / "assets/web/x.js").exists()


def test_a_link_in_the_archive_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("package/dist/x.js")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    archive = buffer.getvalue()
    with pytest.raises(Unavailable) as caught:
        _fetch(tmp_path, _package(archive), FakeNpm(tmp_path / "npm", archive))
    assert caught.value.reason == "asset_hash_mismatch"


def test_a_download_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    archive = _archive({"package/dist/x.js": _CONTENT})
    npm = FakeNpm(tmp_path / "npm", archive, failures=1)
    _fetch(tmp_path, _package(archive), npm)
    assert len(npm.asked()) == 2


def test_a_download_that_keeps_failing_says_what_to_do(tmp_path: Path) -> None:
    archive = _archive({"package/dist/x.js": _CONTENT})
    with pytest.raises(Unavailable, match="https_proxy") as caught:
        _fetch(tmp_path, _package(archive), FakeNpm(tmp_path / "npm", archive, failures=9))
    assert caught.value.reason == "package_download_failed"


def test_the_lock_in_the_repository_names_the_four_packages() -> None:
    packages = {p.name: p for p in read_lock()}
    assert sorted(packages) == [
        "@expo-google-fonts/noto-sans-sc",
        "echarts",
        "faceplugin-face-recognition-js",
        "htmx.org",
    ]
    assert all(len(f.sha256) == 64 for p in packages.values() for f in p.files)
    assert len({f.target for p in packages.values() for f in p.files}) == 15


@pytest.mark.parametrize("bad", ["../x.js", "/x.js", ""])
def test_a_lock_that_leaves_its_folder_is_refused(tmp_path: Path, bad: str) -> None:
    lock = tmp_path / "lock.yaml"
    lock.write_text(
        "packages:\n  - {name: x, version: '1', integrity: sha512-x, files: "
        f"[{{take: x.js, as: '{bad}', size: 1, sha256: x}}]}}\n"
    )
    with pytest.raises(InvalidInput) as caught:
        read_lock(lock)
    assert caught.value.reason == "asset_lock_malformed"


def test_sizes_of_the_lock_are_checked_against_what_stands(tmp_path: Path) -> None:
    file = _package(b"").files[0]
    (tmp_path / "web").mkdir()
    (tmp_path / "web/x.js").write_bytes(_CONTENT)
    assert file.stands_in(tmp_path)
    assert not replace(file, size=file.size + 1).stands_in(tmp_path)
