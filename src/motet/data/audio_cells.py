"""The sounds of each row, not yet decoded."""

from __future__ import annotations

from motet.data.media_cells import MediaCell, MediaCells

AudioCell = MediaCell


class AudioCells(MediaCells):
    """The sound columns of a table: paths, bytes, or the {bytes, path} of a `datasets` Audio."""

    modality = "audio"
    thing = "sound"
