"""Small pictures that travel inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image, ImageOps


def thumbnail(image: Image.Image, size: int = 160) -> str:
    """Return the picture as the data URI of a JPEG whose longer side is at most `size` pixels.

    Transparency is laid on white and no metadata (place, camera, profile) is carried along. A smaller picture
    is not enlarged.
    """
    upright = ImageOps.exif_transpose(image)
    # As drafts do, shrink before converting: a large picture is converted at its small size.
    if upright.mode not in ("1", "P", "PA") and not upright.mode.startswith("I;"):
        upright.thumbnail((size, size), Image.Resampling.BICUBIC)
    if upright.mode.startswith("I;16"):
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    coloured = upright.convert("RGBA")
    coloured.thumbnail((size, size), Image.Resampling.BICUBIC)
    paper = Image.new("RGB", coloured.size, "white")
    paper.paste(coloured, mask=coloured.getchannel("A"))
    written = io.BytesIO()
    paper.save(written, format="JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")
