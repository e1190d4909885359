"""What a picture looks like, as 64 bits in which its copies differ little.

The bits say which of the slow waves in a picture's brightness are the stronger ones (a perceptual hash by
the discrete cosine transform). Recompressed, made smaller or brighter it keeps nearly all of them; how
different pictures, changes and distances fare is measured in docs/triage.md.
"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median

# Copies differ in so few bits, so surely that nobody needs to be asked; up to `NEAR` somebody is asked.
SAME, NEAR = 4, 6
# What people photograph and pass on; each further decoder is one more that strangers can try.
FORMATS = ("JPEG", "PNG", "WEBP")
# JPEG is decoded at an eighth of its size; the others whole, which takes some 16 bytes a point.
MOST_PIXELS, MOST_WHOLE = 32_000_000, 16_000_000
MOST_BYTES = 30 * 1024 * 1024
# A progressive JPEG has about ten; each costs a walk over the whole picture.
MOST_SCANS = 64
SCAN = b"\xff\xda"
# The picture is shrunk to so many points a side, and so many waves a side are looked at.
SIDE, WAVES = 32, 8
# Weaker waves than this (in sums of levels of grey) are the noise of a picture of one colour.
FAINT = 20.0
_COSINES = [
    [math.cos(math.pi * (2 * point + 1) * wave / (2 * SIDE)) for point in range(SIDE)]
    for wave in range(1, WAVES + 1)
]
# 64 bits are looked up by four bands of 16.
_BANDS, _BAND = 4, 16


def likeness_of(path: Path) -> int | None:
    """What the picture in this file looks like, as a signed number of 64 bits.

    None for what is no whole picture of `FORMATS`, is too large to be decoded, or shows nothing. Never raises
    for what is in the file.
    """
    try:
        points = _points(path)
    except Exception:  # whatever a stranger's bytes can cause in the decoders
        return None
    return _likeness(points) if points else None


def _points(path: Path) -> bytes | None:
    """The picture in shades of grey, `SIDE` points a side, row by row."""
    # Only who fetches files loads the decoders.
    from PIL import Image, ImageOps

    if path.stat().st_size > MOST_BYTES:
        return None
    with Image.open(path, formats=FORMATS) as image:
        # Some cameras put a second picture behind the first one.
        is_jpeg = image.format in {"JPEG", "MPO"}
        if image.width * image.height > (MOST_PIXELS if is_jpeg else MOST_WHOLE):
            return None
        if is_jpeg and path.read_bytes().count(SCAN) > MOST_SCANS:
            return None
        image.draft("L", (4 * SIDE, 4 * SIDE))
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
        # A camera held upright says so beside the picture; what was passed on is turned already.
        return ImageOps.exif_transpose(small).tobytes()


def _likeness(points: bytes) -> int | None:
    rows = [points[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]
    across = [[sum(map(float.__mul__, wave, map(float, row))) for wave in _COSINES] for row in rows]
    waves = [
        sum(cosine * line[number] for cosine, line in zip(down, across, strict=True))
        for down in _COSINES
        for number in range(WAVES)
    ]
    if median(map(abs, waves)) < FAINT:
        return None
    middle = median(waves)
    bits = sum((wave > middle) << number for number, wave in enumerate(waves))
    return bits - (1 << 64) if bits >> 63 else bits


def bands_of(likeness: int) -> list[int]:
    """The four bands by which a picture is found."""
    return [(likeness >> number * _BAND) & ((1 << _BAND) - 1) for number in range(_BANDS)]


def bands_near(likeness: int) -> list[list[int]]:
    """For each band, the values of which every picture has one that differs in at most seven bits.

    Seven bits over four bands: in one of these at most one bit differs. Few other pictures have one.
    """
    return [[band, *(band ^ (1 << bit) for bit in range(_BAND))] for band in bands_of(likeness)]
