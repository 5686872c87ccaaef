"""A bag as one tar, and out again; the same files give the same bytes."""

import io
import tarfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath

from bridge.kernel.errors import InvalidInput


def pack(files: Mapping[str, bytes], at: datetime) -> bytes:
    """Return a tar (ustar) of `files`, sorted by path, all dated `at`, owned by nobody in particular."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size = len(files[path])
            entry.mtime = int(at.timestamp())
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(files[path]))
    return out.getvalue()


def read(content: bytes) -> dict[PurePosixPath, bytes]:
    """Return the files of a tar that `pack` made.

    Raises:
        InvalidInput("archive_tar_malformed"): no tar, or one with links or paths that lead outside.
    """
    files: dict[PurePosixPath, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for entry in tar:
                path = PurePosixPath(entry.name)
                body = tar.extractfile(entry) if entry.isreg() else None
                if body is None or path.is_absolute() or ".." in path.parts:
                    raise _malformed()
                files[path] = body.read()
    except tarfile.TarError as error:
        raise _malformed() from error
    return files


def unpack(content: bytes, folder: Path) -> None:
    """Write the files of a tar that `pack` made into `folder`, which must not exist yet or be empty.

    Raises:
        InvalidInput: "archive_folder_not_empty"; as `read`; nothing is written then.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput("archive_folder_not_empty", "目标文件夹不是空的,请换一个空文件夹。")
    for path, body in read(content).items():
        target = folder.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)


def _malformed() -> InvalidInput:
    return InvalidInput("archive_tar_malformed", "档案包损坏,请从存储中重新取出。")
