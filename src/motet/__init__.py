"""Motet: multimodal learning from a table of pictures, words, sounds and numbers."""

__version__ = "0.1.0"
