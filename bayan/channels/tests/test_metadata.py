"""What a camera writes into a picture: place and time are read, and nothing of it is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from bayan.channels.metadata import DETAILS, PLACE, stripped, taken

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
SECRETS = (b"Galaxy of Salem", b"Exif\0\0II", b"secret", b"Photoshop")


def a_photo(**changes: Any) -> bytes:
    """A JPEG as a phone makes it: tags, a comment, another picture behind it."""
    facts: dict[str, Any] = {
        "at": "2026:11:23 09:30:00", "offset": "+03:00", "latitude": (26, 16, 45.84),
        "longitude": (50, 12, 29.88), "north": "N", "orientation": 6, "progressive": False,
    } | changes  # fmt: skip
    exif = Image.Exif()
    exif[0x010F] = "Galaxy of Salem"
    exif[0x0112] = facts["orientation"]
    exif[DETAILS] = {0x9003: facts["at"], 0x9011: facts["offset"]}
    if facts["latitude"]:
        exif[PLACE] = {
            1: facts["north"], 2: tuple(map(IFDRational, facts["latitude"])),
            3: "E", 4: tuple(map(IFDRational, facts["longitude"])),
        }  # fmt: skip
    out = BytesIO()
    picture = Image.radial_gradient("L").resize((120, 80)).convert("RGB")
    picture.save(
        out, "JPEG", exif=exif, comment=b"secret note", progressive=facts["progressive"],
        icc_profile=b"colours",
    )  # fmt: skip
    return out.getvalue() + b"another picture of Photoshop"


def points(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_nothing_of_the_camera_stays_and_the_picture_is_the_same(progressive: bool) -> None:
    data = a_photo(progressive=progressive)
    clean = stripped(data)

    assert not [secret for secret in SECRETS if secret in clean]
    assert points(clean) == points(data)
    with Image.open(BytesIO(clean)) as image:
        assert dict(image.getexif()) == {0x0112: 6}
        assert image.info["icc_profile"] == b"colours"
    assert stripped(clean) == clean


def test_words_of_a_png_go_too() -> None:
    out, words = BytesIO(), PngInfo()
    words.add_text("Author", "secret")
    words.add_itxt("Description", "secret")
    Image.linear_gradient("L").resize((30, 20)).convert("RGB").save(out, "PNG", pnginfo=words)
    clean = stripped(out.getvalue())
    assert b"secret" not in clean
    assert points(clean) == points(out.getvalue())


def test_place_and_time_are_read() -> None:
    found = taken(a_photo(), now=NOW)
    assert found.at == NOW - timedelta(minutes=30)
    assert found.point == pytest.approx((26.2794, 50.2083))
    # Without a zone it is the clock on our wall.
    assert taken(a_photo(offset=""), now=NOW).at == NOW - timedelta(minutes=30)
    assert taken(a_photo(north="S"), now=NOW).point == pytest.approx((-26.2794, 50.2083))


@pytest.mark.parametrize(
    "changes",
    [
        {"at": "2027:01:01 00:00:00"},
        {"at": "1970:01:01 00:00:00"},
        {"at": "yesterday"},
        {"latitude": (0, 0, 0), "longitude": (0, 0, 0)},
        {"latitude": (91, 0, 0)},
        {"latitude": None},
    ],
)
def test_what_cannot_be_is_not_believed(changes: dict[str, Any]) -> None:
    found = taken(a_photo(**changes), now=NOW)
    assert (found.at if "at" in changes else found.point) is None


@given(st.data())
def test_broken_files_break_nothing(data: st.DataObject) -> None:
    whole = a_photo()
    cut = data.draw(st.integers(0, len(whole)))
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole[: cut or 1])
    if place < len(broken):
        broken[place] = data.draw(st.integers(0, 255))
    assert len(stripped(bytes(broken))) <= len(broken) + 40
    taken(bytes(broken), now=NOW)
