"""Answers with a kept file of course material: in pieces (RFC 9110 §14), to who may see it, never to a shared cache.

A piece is read whole and handed to the server, so that a slow telephone holds no thread while it loads a lesson. A
client that does not ask for a piece gets the whole file, which does hold one: only a few may at once.
"""

import threading
from collections.abc import Iterator
from typing import BinaryIO

from flask import Response, current_app, request

from bridge.kernel.errors import Unavailable
from bridge.registry.material_ports import MaterialFiles

PIECE_BYTES = 1 << 20
"""The most of one answer; a player asks for the next piece by itself."""
_WHOLE_AT_ONCE = 2
_KEPT_SECONDS = 3600
_whole = threading.BoundedSemaphore(_WHOLE_AT_ONCE)


def answer_material(files: MaterialFiles, sha256: str, size: int, media_type: str) -> Response:
    """Return the file, or the piece that was asked for (206), 304 to who has it, 416 for what is not there.

    Raises:
        Unavailable: material_file_missing (lost from storage), downloads_busy.
    """
    etag = f'"{sha256}"'
    headers = {
        "Accept-Ranges": "bytes",
        # Kept by the learner's own browser alone, and asked for anew once the hour is over.
        "Cache-Control": f"private, max-age={_KEPT_SECONDS}",
        "Content-Disposition": "inline",
        "ETag": etag,
        "Vary": "Cookie",
    }
    if sha256 in request.if_none_match:
        return current_app.response_class(status=304, headers=headers)
    wanted = request.range
    if wanted is not None and (wanted.units != "bytes" or not _still_the_same(sha256)):
        wanted = None
    file = open_material(files, sha256)
    if wanted is None:
        return _all(file, size, media_type, headers)
    with file:
        asked = wanted.range_for_length(size)
        if asked is None:
            headers["Content-Range"] = f"bytes */{size}"
            return current_app.response_class(status=416, headers=headers)
        start, end = asked[0], min(asked[1], asked[0] + PIECE_BYTES)
        file.seek(start)
        piece = file.read(end - start)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return current_app.response_class(piece, 206, headers, mimetype=media_type)


def _still_the_same(sha256: str) -> bool:
    condition = request.if_range
    return condition.etag == sha256 if condition.etag or condition.date else True


def _all(file: BinaryIO, size: int, media_type: str, headers: dict[str, str]) -> Response:
    headers["Content-Length"] = str(size)
    if request.method == "HEAD":
        file.close()
        # Of no sequence the length is not counted, so the file's own stays.
        return current_app.response_class(iter(()), 200, headers, mimetype=media_type)
    if size <= PIECE_BYTES:
        with file:
            return current_app.response_class(file.read(), 200, headers, mimetype=media_type)
    if not _whole.acquire(blocking=False):
        file.close()
        raise Unavailable("downloads_busy", "现在下载的人太多,请稍后再试,或换一个浏览器观看。")
    stream = _Stream(file)
    response = current_app.response_class(stream, 200, headers, mimetype=media_type)
    response.call_on_close(stream.close)
    return response


class _Stream:
    """The file piece by piece; gives its place back once, however the answer ends."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self._file.read(PIECE_BYTES):
                yield piece
        finally:
            self.close()

    def __del__(self) -> None:
        # For a server that drops an answer whose reader went away without closing it.
        self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._file.close()
            _whole.release()


def open_material(files: MaterialFiles, sha256: str) -> BinaryIO:
    """Return the kept file; Unavailable("material_file_missing")."""
    try:
        return files.open(sha256)
    except FileNotFoundError as error:
        raise Unavailable(
            "material_file_missing", "课件文件不在存储中,请联系培训机构;管理员请从备份恢复。", permanent=True
        ) from error
