"""Pictures made by program: streets, pages and screens as people send them, and what happens on their way."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageEnhance

type Change = Callable[[Image.Image], Image.Image]


@cache
def street(number: int, *, width: int = 800, height: int = 600) -> Image.Image:
    """A road between houses, with spots and grain like a photograph; each number is another street."""
    chance = Random(number)  # noqa: S311  # nothing secret
    picture = Image.merge("RGB", [_clouds(chance, width, height)] * 3)
    colours = Image.merge("RGB", [_clouds(chance, width, height) for _band in range(3)])
    picture = Image.blend(picture, colours, 0.3)
    draw = ImageDraw.Draw(picture)
    horizon = int(height * chance.uniform(0.25, 0.55))
    if chance.random() < 0.7:
        sky = Image.linear_gradient("L").resize((width, horizon)).point(lambda v: 230 - v // 4)
        picture.paste(Image.merge("RGB", [sky] * 3).convert("RGB"))
    for _house in range(chance.randrange(7)):
        left, top = chance.randrange(width), chance.randrange(horizon // 4, horizon)
        right = left + chance.randrange(width // 20, width // 4)
        draw.rectangle((left, top, right, horizon), fill=_colour(chance))
    middle, near = chance.randrange(width), chance.randrange(-width // 2, width)
    sides = [
        (middle, horizon),
        (middle + width // 10, horizon),
        (near + width, height),
        (near, height),
    ]
    draw.polygon(sides, fill=(chance.randrange(50, 110),) * 3)
    for _spot in range(chance.randrange(1, 7)):
        left, top = chance.randrange(width), chance.randrange(horizon, height)
        right = left + chance.randrange(width // 25, width // 5)
        bottom = top + chance.randrange(height // 25, height // 5)
        draw.ellipse((left, top, right, bottom), fill=_colour(chance))
    grain = Image.frombytes("L", (width, height), chance.randbytes(width * height))
    return Image.blend(picture, Image.merge("RGB", [grain] * 3), 0.04)


def page(number: int, *, width: int = 800, height: int = 1100) -> Image.Image:
    """A white page with lines of dark words."""
    chance = Random(number)  # noqa: S311  # nothing secret
    picture = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(picture)
    line = chance.randrange(40, 120)
    while line < height - 60:
        word = width - 60
        end = chance.randrange(60, width - 150) if chance.random() < 0.3 else 60
        while word > end:
            length = chance.randrange(10, 50)
            draw.rectangle((word - length, line, word, line + 10), fill=(40, 40, 40))
            word -= length + 8
        line += 22 + (chance.randrange(70) if chance.random() < 0.15 else 0)
    return picture


def screen(number: int, *, width: int = 540, height: int = 1100) -> Image.Image:
    """A conversation on a telephone."""
    chance = Random(number)  # noqa: S311  # nothing secret
    picture = Image.new("RGB", (width, height), (236, 229, 221))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, 90), fill=(0, 95, 84))
    top = 110
    while top < height - 100:
        tall, wide = chance.randrange(40, 200), chance.randrange(150, 400)
        is_ours = chance.random() < 0.5
        left = 20 if is_ours else width - wide - 20
        fill = (255, 255, 255) if is_ours else (220, 248, 198)
        draw.rectangle((left, top, left + wide, top + tall), fill=fill)
        for line in range(top + 12, top + tall - 10, 20):
            right = left + wide - 12 - chance.randrange(80)
            draw.rectangle((left + 12, line, right, line + 8), fill=(60, 60, 60))
        top += tall + chance.randrange(8, 30)
    return picture


def written(picture: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file."""
    target = io.BytesIO()
    picture.save(target, form, **options)
    return target.getvalue()


def read(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    return read(written(picture, quality=quality))


def scaled(picture: Image.Image, share: float) -> Image.Image:
    size = round(picture.width * share), round(picture.height * share)
    return compressed(picture.resize(size, Image.Resampling.BICUBIC), 70)


def cut(picture: Image.Image, share: float) -> Image.Image:
    """Without this share of its width and height, the same on both sides."""
    width, height = picture.size
    across, down = round(width * share / 2), round(height * share / 2)
    return compressed(picture.crop((across, down, width - across, height - down)), 80)


def brighter(picture: Image.Image, times: float) -> Image.Image:
    return compressed(ImageEnhance.Brightness(picture).enhance(times), 80)


def bomb(side: int) -> bytes:
    """A small PNG that says it is this large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        sum_of_it = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + sum_of_it

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(4 * 1024 * 1024))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _clouds(chance: Random, width: int, height: int) -> Image.Image:
    """Shades as nature has them: the coarser, the stronger."""
    sum_of_all = Image.new("L", (width, height), 128)
    for cells, strength in ((3, 0.5), (6, 0.4), (12, 0.3), (25, 0.2), (50, 0.12), (100, 0.08)):
        cloud = Image.frombytes("L", (cells, cells), chance.randbytes(cells * cells))
        large = cloud.resize((width, height), Image.Resampling.BICUBIC)
        sum_of_all = ImageChops.add(
            sum_of_all, large.point(lambda v, s=strength: round(v * s)), 1, -round(127 * strength)
        )
    return sum_of_all


def _colour(chance: Random) -> tuple[int, int, int]:
    return chance.randrange(20, 240), chance.randrange(20, 240), chance.randrange(20, 240)
