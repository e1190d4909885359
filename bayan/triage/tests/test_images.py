"""What pictures look like: copies are near, others are far, and no file does harm."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bayan.triage import images
from bayan.triage.tests.pictures import (
    Change,
    bomb,
    brighter,
    compressed,
    cut,
    page,
    read,
    scaled,
    screen,
    street,
    written,
)

LIKENESSES = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def likeness(place: Path, content: bytes) -> int | None:
    place.write_bytes(content)
    return images.likeness_of(place)


def apart(one: int | None, other: int | None) -> int:
    """How many bits differ."""
    assert one is not None
    assert other is not None
    return (one ^ other).bit_count()


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda picture: compressed(picture, 40), images.SAME),
        (lambda picture: scaled(picture, 0.5), images.SAME),
        (lambda picture: scaled(picture, 0.25), images.SAME),
        (lambda picture: compressed(read(written(picture, "PNG")), 70), images.SAME),
        (lambda picture: brighter(picture, 1.15), images.SAME),
        (lambda picture: cut(picture, 0.03), images.NEAR),
    ],
    ids=["compressed", "half", "quarter", "of a PNG", "brighter", "cut"],
)
def test_copies_are_near(place: Path, change: Change, most: int) -> None:
    found = [
        apart(
            likeness(place, written(picture, quality=90)), likeness(place, written(change(picture)))
        )
        for picture in map(street, range(8))
    ]

    assert sorted(found)[-2] <= most


def test_other_pictures_are_far(place: Path) -> None:
    made = [street(number) for number in range(25)] + [screen(number) for number in range(15)]
    made += [page(number) for number in range(10)]
    found = [likeness(place, written(picture, quality=80)) for picture in made]

    assert all(
        apart(one, other) > images.NEAR
        for number, one in enumerate(found)
        for other in found[:number]
    )


def test_the_same_picture_in_each_form_and_as_it_was_held(place: Path) -> None:
    picture = street(1)
    plain = likeness(place, written(picture, quality=90))
    held = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right

    for content in (
        written(picture, "PNG"),
        written(picture.convert("RGBA"), "PNG"),
        written(picture, "WEBP", quality=70),
        written(picture, progressive=True, quality=85),
        written(picture, "MPO", quality=85, save_all=True, append_images=[street(2)]),
        written(held, quality=85, exif=exif.tobytes()),
    ):
        assert apart(plain, likeness(place, content)) <= images.SAME


@pytest.mark.parametrize("form", images.FORMATS)
def test_what_shows_nothing_looks_like_nothing(place: Path, form: str) -> None:
    chance = Random(3)  # noqa: S311  # nothing secret
    grain = Image.frombytes("L", (400, 400), chance.randbytes(160_000)).point(
        lambda v: 120 + v // 16
    )
    for picture in (
        Image.new("RGB", (800, 600), (90, 140, 30)),
        Image.new("RGB", (1, 1), (90, 140, 30)),
        Image.linear_gradient("L").resize((800, 600)),
        grain,
    ):
        assert likeness(place, written(picture, form)) is None


HOSTILE = {
    "empty": b"",
    "half": written(street(2))[:9_000],
    "bomb": bomb(6_000),
    "larger bomb": bomb(60_000),
    "lies": b"\x89PNG\r\n\x1a\n" + written(street(2))[8:],
    "another form": written(street(2), "GIF"),
    "too many scans": written(street(2)) + images.SCAN * 100,
    "broken": bytes(b ^ 0x55 for b in written(street(2))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_whole_picture_looks_like_nothing(place: Path, name: str) -> None:
    assert likeness(place, HOSTILE[name]) is None


def test_what_is_too_large_is_not_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_BYTES", 1_000)

    assert likeness(place, written(street(1))) is None


@given(picture=LIKENESSES, bits=st.sets(st.integers(0, 63), max_size=7))
def test_what_differs_in_seven_bits_is_found(picture: int, bits: set[int]) -> None:
    other = picture
    for bit in bits:
        # Of a signed number of 64 bits the last one is its sign.
        other ^= -(1 << 63) if bit == 63 else 1 << bit

    pairs = zip(images.bands_of(other), images.bands_near(picture), strict=True)
    assert any(band in near for band, near in pairs)


def test_few_of_many_pictures_are_compared() -> None:
    chance = Random(1)  # noqa: S311  # nothing secret
    kept: dict[tuple[int, int], list[int]] = {}
    for number in range(100_000):
        for band in enumerate(images.bands_of(chance.getrandbits(64))):
            kept.setdefault(band, []).append(number)

    for _look in range(50):
        near = enumerate(images.bands_near(chance.getrandbits(64)))
        bands = [(number, value) for number, values in near for value in values]
        # Of 65,536 values of each band 17 are looked up.
        assert len(set(bands)) == 4 * 17
        assert len({number for band in bands for number in kept.get(band, ())}) < 200
