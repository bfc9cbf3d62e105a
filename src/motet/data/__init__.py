"""A table becomes typed rows: reading, schema, cells by modality, labels, splits, audit, pictures' bytes.

Rows are counted from 0. An empty cell is absent; a cell that cannot be used is broken: listed with its row
and reason, and treated as absent.
"""

from __future__ import annotations

from motet.data.audio_cells import AudioCell, AudioCells
from motet.data.auditing import Audit, audit
from motet.data.casting import row_ids, row_names
from motet.data.classes import Labels, TargetKind, encode_labels, labels
from motet.data.folds import make_folds
from motet.data.image_cells import ImageCell, ImageCells
from motet.data.inference import infer_schema
from motet.data.media_cells import MediaCell, MediaCells
from motet.data.modalities import Cells, cells
from motet.data.pairs import Pairs, read_pairs, split_pairs
from motet.data.readers import read_table
from motet.data.schema import Column, Schema, all_patterns, modality_kind, pattern_name
from motet.data.scripts import Script, script_of
from motet.data.slicing import Slice, column_slices
from motet.data.splits import Split, make_split, split_sides
from motet.data.table import CellIssue, Table
from motet.data.tabular_cells import TabularCells
from motet.data.targets import encode_target, read_target
from motet.data.text_cells import TextCells
from motet.data.unlabelled import unlabelled_rows
from motet.data.vector_cells import VectorCells
from motet.data.weights import row_weights

__all__ = [
    "AudioCell",
    "AudioCells",
    "Audit",
    "CellIssue",
    "Cells",
    "Column",
    "ImageCell",
    "ImageCells",
    "Labels",
    "MediaCell",
    "MediaCells",
    "Pairs",
    "Schema",
    "Script",
    "Slice",
    "Split",
    "Table",
    "TabularCells",
    "TargetKind",
    "TextCells",
    "VectorCells",
    "all_patterns",
    "audit",
    "cells",
    "column_slices",
    "encode_labels",
    "encode_target",
    "infer_schema",
    "labels",
    "make_folds",
    "make_split",
    "modality_kind",
    "pattern_name",
    "read_pairs",
    "read_table",
    "read_target",
    "row_ids",
    "row_names",
    "row_weights",
    "script_of",
    "split_pairs",
    "split_sides",
    "unlabelled_rows",
]
