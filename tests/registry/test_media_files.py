"""What a media file is and how long it runs is read from its bytes; what old telephones cannot play is refused."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.registry.media_files import examine_media
from tests.registry.made_media import mp3, mp4, ogg, webm


@pytest.mark.parametrize(
    ("content", "media_type", "length_ms"),
    [
        (mp4(61_500), "video/mp4", 61_500),
        (mp4(61_500, handlers=((b"soun", b"mp4a"),)), "audio/mp4", 61_500),
        (mp4(0), "video/mp4", None),
        (webm(90_000.0), "video/webm", 90_000),
        (webm(None, codecs=((1, b"V_VP9"), (2, b"A_OPUS"))), "video/webm", None),
        (webm(5_000.0, codecs=((2, b"A_VORBIS"),)), "audio/webm", 5_000),
        (ogg(42_000), "audio/ogg", 42_000),
        (ogg(42_000, opus=False), "audio/ogg", 42_000),
        (mp3(100), "audio/mpeg", 3_600),
        (mp3(100, tagged=True), "audio/mpeg", 3_600),
    ],
)
def test_kind_and_length_are_read_from_the_file(
    content: bytes, media_type: str, length_ms: int | None
) -> None:
    found = examine_media(BytesIO(content))

    assert found is not None
    assert (found.media_type, found.length_ms) == (media_type, length_ms)
    assert found.kind.value == media_type.partition("/")[0]


@pytest.mark.parametrize(
    "content",
    [
        mp4(1000, handlers=((b"vide", b"hvc1"),)),
        mp4(1000, handlers=((b"vide", b"avc1"), (b"soun", b"ac-3"))),
        mp4(1000, handlers=()),
        webm(1000.0, codecs=((1, b"V_AV1"),)),
        webm(1000.0, codecs=()),
        webm(1000.0, doc_type=b"matroska"),
        b"OggS\x00\x02" + bytes(20) + b"\x01\x04fLaC" + bytes(200),
    ],
)
def test_what_old_telephones_do_not_play_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="material_codec"):
        examine_media(BytesIO(content))


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(40), mp3(2), b"%PDF-1.7\n", b"PK\x03\x04"]
)
def test_what_is_no_media_is_nothing(content: bytes) -> None:
    assert examine_media(BytesIO(content)) is None


@pytest.mark.parametrize("content", [mp4(60_000), webm(60_000.0)])
def test_a_file_cut_off_in_its_head_is_damaged(content: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"material_damaged|material_codec"):
        examine_media(BytesIO(content[: len(content) // 3]))


_WHOLE = [mp4(60_000), webm(60_000.0), ogg(60_000), mp3(5)]


@given(
    whole=st.sampled_from(_WHOLE), cut=st.integers(0, 400), at=st.integers(0, 300), byte=st.integers(0, 255)
)
def test_no_damage_is_more_than_a_refusal(whole: bytes, cut: int, at: int, byte: int) -> None:
    content = bytearray(whole[: len(whole) - min(cut, len(whole))])
    if content:
        content[at % len(content)] = byte
    try:
        found = examine_media(BytesIO(bytes(content)))
    except InvalidInput:
        return
    assert found is None or found.length_ms is None or found.length_ms >= 0
