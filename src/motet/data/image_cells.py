"""The pictures of each row, not yet decoded."""

from __future__ import annotations

from motet.data.media_cells import DIGEST, MediaCell, MediaCells

__all__ = ["DIGEST", "ImageCell", "ImageCells"]

ImageCell = MediaCell


class ImageCells(MediaCells):
    """The picture columns of a table: paths, bytes, or the {bytes, path} of a `datasets` Image."""

    modality = "image"
    thing = "picture"
