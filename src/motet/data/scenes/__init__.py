"""Generated scenes: coloured shapes with questions and captions, some combinations of which are held out."""

from __future__ import annotations

from motet.data.scenes.things import COLOURS, HELD_OUT, SEEN, SHAPES, Combination
from motet.data.scenes.writing import Scenes, write_scenes

__all__ = ["COLOURS", "HELD_OUT", "SEEN", "SHAPES", "Combination", "Scenes", "write_scenes"]
