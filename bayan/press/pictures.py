"""Pictures made smaller for the screen, as they are asked for; the originals stay as they came."""

from __future__ import annotations

import threading
from io import BytesIO
from pathlib import Path

# For a list, and for a page of a newspaper on the web.
SMALL, WEB = 480, 1600
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_BYTES = 30 * 1024 * 1024
# JPEG is decoded at a part of its size; the others whole, which takes some four bytes a point.
MOST_PIXELS, MOST_WHOLE = 60_000_000, 16_000_000
# One at a time, for its memory.
_one = threading.Lock()


def smaller(path: Path, side: int) -> bytes | None:
    """The picture as a JPEG with at most so many points a side; None for what cannot be read."""
    try:
        with _one:
            return _smaller(path, side)
    except Exception:  # whatever a stranger's bytes can cause in the decoders
        return None


def _smaller(path: Path, side: int) -> bytes | None:
    # Only who shows pictures loads the decoders.
    from PIL import Image, ImageOps

    if path.stat().st_size > MOST_BYTES:
        return None
    with Image.open(path, formats=FORMATS) as image:
        is_jpeg = image.format in {"JPEG", "MPO"}
        if image.width * image.height > (MOST_PIXELS if is_jpeg else MOST_WHOLE):
            return None
        image.draft("RGB", (side, side))
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        turned = ImageOps.exif_transpose(image)
        if turned.mode in {"RGBA", "LA", "P"}:
            ground = Image.new("RGB", turned.size, "white")
            whole = turned.convert("RGBA")
            ground.paste(whole, mask=whole.getchannel("A"))
            turned = ground
        file = BytesIO()
        # Nothing of the camera's notes (place, serial number) goes along.
        turned.convert("RGB").save(file, "JPEG", quality=85, optimize=True, progressive=True)
        return file.getvalue()
