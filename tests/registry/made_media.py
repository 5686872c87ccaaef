"""Small media files made byte by byte: the heads that a length is read from, with silence or nothing behind them."""

import struct


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def mp4(
    length_ms: int, *, handlers: tuple[tuple[bytes, bytes], ...] = ((b"vide", b"avc1"), (b"soun", b"mp4a"))
) -> bytes:
    """Return an MP4 head; each of `handlers` is a track: what it is for and its codec."""
    mvhd = box(b"mvhd", bytes(12) + struct.pack(">II", 1000, length_ms) + bytes(80))
    tracks = b"".join(
        box(
            b"trak",
            box(
                b"mdia",
                box(b"hdlr", bytes(8) + handler + bytes(12))
                + box(
                    b"minf",
                    box(b"stbl", box(b"stsd", bytes(4) + struct.pack(">I", 1) + box(codec, bytes(8)))),
                ),
            ),
        )
        for handler, codec in handlers
    )
    return box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", mvhd + tracks) + box(b"mdat", bytes(64))


def element(kind: int, content: bytes, *, unknown_length: bool = False) -> bytes:
    head = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    if unknown_length:
        return head + b"\x01" + b"\xff" * 7 + content
    return head + (len(content) | 1 << 56).to_bytes(8, "big") + content


def webm(
    length_ms: float | None,
    *,
    codecs: tuple[tuple[int, bytes], ...] = ((1, b"V_VP8"),),
    doc_type: bytes = b"webm",
) -> bytes:
    """Return a WebM head; each of `codecs` is a track: 1 for video or 2 for sound, and its codec."""
    duration = b"" if length_ms is None else element(0x4489, struct.pack(">d", length_ms))
    info = element(0x1549A966, element(0x2AD7B1, (1_000_000).to_bytes(3, "big")) + duration)
    tracks = element(
        0x1654AE6B,
        b"".join(
            element(0xAE, element(0x83, bytes([kind])) + element(0x86, codec)) for kind, codec in codecs
        ),
    )
    cluster = element(0x1F43B675, bytes(16))
    return element(0x1A45DFA3, element(0x4282, doc_type)) + element(
        0x18538067, info + tracks + cluster, unknown_length=True
    )


def ogg(length_ms: int, *, opus: bool = True) -> bytes:
    """Return the first and the last page of an Ogg file."""
    if opus:
        rate, skipped = 48_000, 312
        packet = b"OpusHead" + bytes([1, 2]) + struct.pack("<H", skipped) + bytes(7)
    else:
        rate, skipped = 44_100, 0
        packet = b"\x01vorbis" + bytes(4) + b"\x02" + struct.pack("<I", rate) + bytes(14)
    granule = length_ms * rate // 1000 + skipped

    def page(granule: int, content: bytes) -> bytes:
        return b"OggS\x00\x02" + struct.pack("<q", granule) + bytes(12) + bytes([1, len(content)]) + content

    return page(0, packet) + page(granule, b"end")


def mp3(frames: int, *, tagged: bool = False) -> bytes:
    """Return so many silent frames (MPEG 1 layer III, 32 kbit/s, 32 kHz: 36 ms and 144 bytes each)."""
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 0]) + bytes(128) if tagged else b""
    return tag + (b"\xff\xfb\x18\xc4" + bytes(140)) * frames
