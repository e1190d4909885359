"""How far the likenesses of pictures and of their copies lie apart: the figures of docs/triage.md."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from bayan.triage.images import NEAR, SAME, likeness_of
from bayan.triage.tests.pictures import (
    Change,
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

CHANGES: dict[str, Change] = {
    "JPEG, quality 40": lambda picture: compressed(picture, 40),
    "JPEG, quality 15": lambda picture: compressed(picture, 15),
    "half the size": lambda picture: scaled(picture, 0.5),
    "a quarter of the size": lambda picture: scaled(picture, 0.25),
    "PNG, then JPEG": lambda picture: compressed(read(written(picture, "PNG")), 70),
    "WebP": lambda picture: read(written(picture, "WEBP", quality=60)),
    "brighter by 15 %": lambda picture: brighter(picture, 1.15),
    "cut by 3 %": lambda picture: cut(picture, 0.03),
    "cut by 6 %": lambda picture: cut(picture, 0.06),
}


def main() -> None:
    """Print for each change how many copies are found, and for different pictures how many would be."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    with TemporaryDirectory() as folder:
        place = Path(folder) / "picture"

        def likeness(picture: Image.Image) -> int:
            form = "WEBP" if picture.format == "WEBP" else "JPEG"
            place.write_bytes(written(picture, form, quality=90))
            found = likeness_of(place)
            if found is None:
                sys.exit("A picture has no likeness.")
            return found

        for name, make in (("streets", street), ("pages", page), ("screens", screen)):
            known = [likeness(make(number)) for number in range(count)]
            apart = Counter((one ^ other).bit_count() for one, other in combinations(known, 2))
            print(f"{name}: {count * (count - 1) // 2} pairs of different pictures, of them at")
            print("  " + ", ".join(f"{bits} bits {apart[bits]}" for bits in range(0, 15, 2)))
            for change, do in CHANGES.items():
                far = [
                    (known[number] ^ likeness(do(make(number)))).bit_count()
                    for number in range(count // 6)
                ]
                same, near = (sum(one <= most for one in far) for most in (SAME, NEAR))
                print(f"  {change}: {same / len(far):.1%} same, {near / len(far):.1%} near")


if __name__ == "__main__":
    main()
