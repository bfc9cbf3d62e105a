"""A cell becomes arrays: pixels, tokens and log-mel frames, by the same code when a model learns and when it serves."""

from motet.preprocessing.audio import AudioPreprocessor
from motet.preprocessing.augmentation import Augmentation
from motet.preprocessing.images import ImagePreprocessor
from motet.preprocessing.words import Batch, WordPreprocessor

__all__ = ["AudioPreprocessor", "Augmentation", "Batch", "ImagePreprocessor", "WordPreprocessor"]
