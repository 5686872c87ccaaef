"""What a video or audio file is and how long it runs, read from its own bytes; a file's name says nothing here.

MP4/M4A: ISO/IEC 14496-12 (ftyp, moov/mvhd, trak/…/stsd). WebM: RFC 8794, RFC 9559. Ogg: RFC 3533, RFC 7845, Vorbis I.
MP3: ISO/IEC 11172-3 and 13818-3. Only what telephones of five years ago play is taken; nothing is decoded.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bridge.kernel.errors import InvalidInput
from bridge.registry.material_model import Examined, MaterialKind

_MAX_BOXES = 10_000
_MAX_HEAD_BYTES = 1 << 20
_MP4_CODECS = frozenset({b"avc1", b"avc3", b"mp4a"})
_WEBM_CODECS = frozenset({b"V_VP8", b"V_VP9", b"A_OPUS", b"A_VORBIS"})
_WEBM_VIDEO, _WEBM_AUDIO = 1, 2


def examine_media(file: BinaryIO) -> Examined | None:
    """Return what the file is, None if it is no video or audio that is played here.

    Raises:
        InvalidInput: material_codec (old telephones do not play it), material_damaged.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    try:
        if head[4:8] == b"ftyp":
            return _mp4(file, size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _webm(file, size)
        if head[:4] == b"OggS":
            return _ogg(file, size)
        return _mp3(file, size)
    except (struct.error, IndexError, OverflowError) as error:
        raise _damaged() from error


# ---- MP4 and M4A ------------------------------------------------------------------------------------------


def _mp4(file: BinaryIO, size: int) -> Examined:
    length_ms: int | None = None
    handlers: list[bytes] = []
    codecs: list[bytes] = []
    moov = next(((at, end) for kind, at, end in _boxes(file, 0, size) if kind == b"moov"), None)
    if moov is None:
        raise _damaged()
    for kind, at, end in _boxes(file, *moov):
        if kind == b"mvhd":
            length_ms = _mvhd_ms(_read(file, at, min(end - at, 32)))
        elif kind == b"trak":
            handler, codec = _track(file, at, end)
            handlers.append(handler)
            codecs.append(codec)
    played = [c for h, c in zip(handlers, codecs, strict=True) if h in (b"vide", b"soun")]
    if not played or any(codec not in _MP4_CODECS for codec in played):
        raise _codec()
    if b"vide" in handlers:
        return Examined(MaterialKind.VIDEO, "video/mp4", length_ms)
    return Examined(MaterialKind.AUDIO, "audio/mp4", length_ms)


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, first byte of the content, end) of the boxes in [at, end)."""
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        length, kind = struct.unpack(">I4s", _read(file, at, 8))
        content = at + 8
        if length == 1:
            (length,) = struct.unpack(">Q", _read(file, content, 8))
            content += 8
        after = end if length == 0 else at + length
        if after < content or after > end:
            raise _damaged()
        yield kind, content, after
        at = after
    raise _damaged()


def _mvhd_ms(data: bytes) -> int | None:
    if data[0] == 1:
        scale, length = struct.unpack(">IQ", data[20:32])
    else:
        scale, length = struct.unpack(">II", data[12:20])
    # A fragmented file says 0: its length is nowhere in its head.
    return length * 1000 // scale if scale and length else None


def _track(file: BinaryIO, at: int, end: int) -> tuple[bytes, bytes]:
    """Return (handler, codec) of a track."""
    handler = codec = b""
    wanted = {b"mdia", b"minf", b"stbl"}
    open_boxes = [(at, end)]
    while open_boxes:
        for kind, start, stop in _boxes(file, *open_boxes.pop()):
            if kind in wanted:
                open_boxes.append((start, stop))
            elif kind == b"hdlr" and not handler:
                handler = _read(file, start + 8, 4)
            elif kind == b"stsd":
                codec = _read(file, start + 12, 4)
    return handler, codec


# ---- WebM -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Webm:
    doc_type: bytes = b""
    scale_ns: int = 1_000_000
    length: float | None = None
    tracks: int = 0
    video: bool = False
    codecs: tuple[bytes, ...] = ()


def _webm(file: BinaryIO, size: int) -> Examined:
    found = _Webm()
    _elements(file, 0, size, found, 0)
    if found.doc_type != b"webm":
        raise _codec()
    if not found.codecs or any(codec not in _WEBM_CODECS for codec in found.codecs):
        raise _codec()
    length_ms = None
    if found.length is not None and 0 < found.length < 1e12:
        length_ms = int(found.length * found.scale_ns / 1_000_000)
    if found.video:
        return Examined(MaterialKind.VIDEO, "video/webm", length_ms)
    return Examined(MaterialKind.AUDIO, "audio/webm", length_ms)


_HEAD, _SEGMENT, _INFO, _TRACKS, _TRACK, _CLUSTER = (
    0x1A45DFA3,
    0x18538067,
    0x1549A966,
    0x1654AE6B,
    0xAE,
    0x1F43B675,
)
_DOC_TYPE, _SCALE, _DURATION, _TRACK_TYPE, _CODEC = 0x4282, 0x2AD7B1, 0x4489, 0x83, 0x86


def _elements(file: BinaryIO, at: int, end: int, found: _Webm, depth: int) -> None:
    """Read what stands before the first cluster into `found`."""
    for _ in range(_MAX_BOXES):
        if at >= end:
            return
        kind, at = _number(file, at, keep_marker=True)
        length, at = _number(file, at, keep_marker=False)
        after = end if length < 0 else at + length
        if after > end:
            if kind != _SEGMENT:
                raise _damaged()
            after = end
        if kind == _CLUSTER:
            return
        if kind in (_HEAD, _SEGMENT, _INFO, _TRACKS, _TRACK) and depth < 4:
            _elements(file, at, after, found, depth + 1)
        elif kind in (_DOC_TYPE, _SCALE, _DURATION, _TRACK_TYPE, _CODEC):
            _note(found, kind, _read(file, at, min(after - at, 64)))
        at = after
    raise _damaged()


def _note(found: _Webm, kind: int, data: bytes) -> None:
    if kind == _DOC_TYPE:
        found.doc_type = data.rstrip(b"\x00")
    elif kind == _SCALE:
        found.scale_ns = int.from_bytes(data[:8], "big")
    elif kind == _DURATION:
        found.length = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    elif kind == _TRACK_TYPE:
        found.video = found.video or int.from_bytes(data[:8], "big") == _WEBM_VIDEO
    else:
        found.codecs = (*found.codecs, data.rstrip(b"\x00"))


def _number(file: BinaryIO, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """Return an EBML number and where it ends; −1 for a length that is not known."""
    first = _read(file, at, 1)[0]
    if first == 0:
        raise _damaged()
    width = 9 - first.bit_length()
    value = int.from_bytes(_read(file, at, width), "big")
    if not keep_marker:
        value &= (1 << 7 * width) - 1
        if value == (1 << 7 * width) - 1:
            value = -1
    return value, at + width


# ---- Ogg --------------------------------------------------------------------------------------------------


def _ogg(file: BinaryIO, size: int) -> Examined:
    head = _read(file, 0, min(size, 256))
    packet = head[27 + head[26] :]
    if packet.startswith(b"\x01vorbis"):
        (rate,) = struct.unpack("<I", packet[12:16])
        skipped = 0
    elif packet.startswith(b"OpusHead"):
        rate = 48_000
        (skipped,) = struct.unpack("<H", packet[10:12])
    else:
        raise _codec()
    tail = _read(file, max(0, size - (1 << 17)), min(size, 1 << 17))
    last = tail.rfind(b"OggS")
    if rate == 0 or last < 0:
        raise _damaged()
    (granule,) = struct.unpack("<q", tail[last + 6 : last + 14])
    length_ms = (granule - skipped) * 1000 // rate if granule > skipped else None
    return Examined(MaterialKind.AUDIO, "audio/ogg", length_ms)


# ---- MP3 --------------------------------------------------------------------------------------------------

_KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44_100, 48_000, 32_000)
_LEAST_FRAMES = 3
"""So many frames in a row are no accident in a file of another kind."""


def _mp3(file: BinaryIO, size: int) -> Examined | None:
    at = 0
    head = _read(file, 0, min(10, size))
    if len(head) == 10 and head[:3] == b"ID3":
        at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    frames = samples = 0
    rate = 0
    file.seek(at)
    while True:
        header = file.read(4)
        frame = _mp3_frame(header)
        if frame is None:
            break
        length, frame_samples, frame_rate = frame
        rate = rate or frame_rate
        if frame_rate != rate:
            break
        frames += 1
        samples += frame_samples
        at += length
        file.seek(at)
        if at >= size:
            break
    if frames < _LEAST_FRAMES:
        return None
    return Examined(MaterialKind.AUDIO, "audio/mpeg", samples * 1000 // rate)


def _mp3_frame(header: bytes) -> tuple[int, int, int] | None:
    """Return (bytes, samples, samples a second) of a layer III frame; None for what is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer != 1 or bitrate in (0, 15) or rate == 3:
        return None
    first = version == 3
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 1152 if first else 576
    kilobits = (_KILOBITS_1 if first else _KILOBITS_2)[bitrate]
    return samples * kilobits * 125 // hertz + (header[2] >> 1 & 1), samples, hertz


# ---- all --------------------------------------------------------------------------------------------------


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    if length > _MAX_HEAD_BYTES:
        raise _damaged()
    file.seek(at)
    data = file.read(length)
    if len(data) < length:
        raise _damaged()
    return data


def _damaged() -> InvalidInput:
    return InvalidInput("material_damaged", "文件不完整或已损坏,请重新导出后再上传。", http_status=422)


def _codec() -> InvalidInput:
    return InvalidInput(
        "material_codec",
        "这种编码较旧的手机放不了。视频请用 H.264/AAC 的 MP4 或 VP8/VP9 的 WebM,音频请用 MP3、AAC 的 M4A 或 Ogg。",
        http_status=422,
    )
