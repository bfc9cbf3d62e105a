"""A cell becomes arrays: pixels and tokens, by the same code when a model learns and when it serves."""

from motet.preprocessing.images import ImagePreprocessor
from motet.preprocessing.words import Batch, WordPreprocessor

__all__ = ["Batch", "ImagePreprocessor", "WordPreprocessor"]
