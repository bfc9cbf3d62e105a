"""A made-up evaluation that looks like a real one; every figure is invented, none is measured."""

from __future__ import annotations

import base64
import io
import math
import random
from typing import Any

from PIL import Image, ImageDraw

CLASSES = [
    "Baby Care",
    "Beauty and Personal Care",
    "Computers",
    "Home Decor & Festive Needs",
    "Home Furnishing",
    "厨房与餐厅",
    "Watches",
]


def scored(accuracy: float, width: float, log_loss: float, ece: float) -> dict[str, Any]:
    def around(value: float, spread: float, top: float) -> dict[str, float]:
        return {"value": value, "low": max(value - spread, 0.0), "high": min(value + spread * 0.8, top)}

    return {
        "accuracy": around(accuracy, width, 1.0),
        "macro_f1": around(accuracy - 0.0043, width * 1.1, 1.0),
        "log_loss": around(log_loss, log_loss * 0.25, math.inf),
        "ece": around(ece, ece * 0.4, 1.0),
    }


def drawn_picture(seed: int) -> Image.Image:
    dice = random.Random(seed)
    image = Image.new("RGB", (320, 240), (240, 238, 232))
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        x, y, size = dice.randint(0, 240), dice.randint(0, 170), dice.randint(30, 110)
        colour = tuple(dice.randint(60, 220) for _ in range(3))
        if dice.random() < 0.5:
            draw.ellipse((x, y, x + size, y + size), fill=colour)
        else:
            draw.rectangle((x, y, x + size, y + size * 0.7), fill=colour)
    return image


def drawn_uri(seed: int) -> str:
    written = io.BytesIO()
    drawn_picture(seed).save(written, format="JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def history(epochs: int, start: float, end: float, top: float, seed: int) -> list[dict[str, Any]]:
    dice = random.Random(seed)
    found = []
    for epoch in range(1, epochs + 1):
        fallen = math.exp(-epoch / 4)
        found.append(
            {
                "epoch": epoch,
                "train_loss": end * 0.4 + (start - end * 0.4) * fallen + dice.uniform(-0.01, 0.01),
                "validation_loss": end + (start - end) * fallen + 0.004 * epoch + dice.uniform(-0.015, 0.015),
                "alone": {"image": 0.6 + 1.2 * fallen, "text": 0.25 + 1.6 * fallen},
                "validation_accuracy": min(top - 0.5 * fallen + dice.uniform(-0.01, 0.01), 1.0),
            }
        )
    return found


def risk(n: int, wrong: int) -> list[dict[str, float]]:
    """A curve of n answers of which the least sure are wrong, at every tenth of them."""
    kept = sorted({-(-n * share // 10) for share in range(1, 11)})
    return [
        {"coverage": k / n, "risk": max(0, k - (n - wrong)) / k, "confidence": 1 - 0.4 * k / n} for k in kept
    ]


def matrix(classes: int, each: int, wrong: float, seed: int) -> list[list[int]]:
    dice = random.Random(seed)
    counts = [[0] * classes for _ in range(classes)]
    for true in range(classes):
        for _ in range(each):
            near = (true + dice.choice([1, 1, 2, classes // 2])) % classes
            counts[true][near if dice.random() < wrong else true] += 1
    return counts


def sample() -> dict[str, Any]:
    counts = matrix(len(CLASSES), 22, 0.06, 3)
    return {
        "schema_version": 1,
        "task": "classify",
        "split": "test",
        "n": 154,
        "overall": {"n": 154, "metrics": scored(0.9545, 0.036, 0.172, 0.0213)},
        "patterns": {
            "image+text": {"n": 142, "metrics": scored(0.9648, 0.034, 0.146, 0.0187)},
            "image": {"n": 150, "metrics": scored(0.8467, 0.060, 0.512, 0.0344)},
            "text": {"n": 146, "metrics": scored(0.9521, 0.038, 0.181, 0.0229)},
            "none": {"n": 154, "metrics": scored(0.1429, 0.055, 1.946, 0.0004)},
        },
        "baselines": {
            "majority": {"pattern": "none", "n": 154, "metrics": scored(0.1429, 0.055, 1.946, 0.0004)},
            "text:lexical": {"pattern": "text", "n": 146, "metrics": scored(0.9452, 0.040, 0.213, 0.0410)},
            "text:minilm": {"pattern": "text", "n": 146, "metrics": scored(0.9315, 0.043, 0.241, 0.0331)},
            "image:mobilenet_v2": {
                "pattern": "image",
                "n": 150,
                "metrics": scored(0.8400, 0.061, 0.537, 0.0478),
            },
        },
        "ceilings": {"image+text": 0.985, "image": 0.91, "text": 0.975, "none": 0.1429},
        "issues": {"broken": 3, "absent": {"image": 12, "text": 4}},
        "broken": [
            {"row": 17, "column": "image", "reason": "the file is not there", "value": "images/0017.jpg"},
            {
                "row": 58,
                "column": "image",
                "reason": "a truncated JPEG: 1,204 of its bytes are missing",
                "value": "images/红色连衣裙.jpg",
            },
            {
                "row": 131,
                "column": "image",
                "reason": "the path leaves the folder",
                "value": "../../secret.png",
            },
        ],
        "classes": list(CLASSES),
        "per_class": {
            name: {"support": 22, "precision": 1 - 0.013 * i, "recall": 1 - 0.021 * i, "f1": 1 - 0.017 * i}
            for i, name in enumerate(CLASSES)
        },
        "confusion": {"labels": list(CLASSES), "matrix": counts},
        "history": {"concat": history(18, 1.9, 0.18, 0.96, 1), "gated": history(14, 1.85, 0.21, 0.95, 2)},
        "selection": {
            "image+text": {
                "chosen": "late",
                "why": "Lowest log-loss on validation rows: 0.151, against 0.163 for concat.",
                "temperature": 1.12,
                "candidates": [
                    {"name": "concat", "log_loss": 0.163, "accuracy": 0.9481},
                    {"name": "late", "log_loss": 0.151, "accuracy": 0.9610},
                    {"name": "gated", "log_loss": 0.171, "accuracy": 0.9416},
                    {"name": "text:lexical × text:minilm", "log_loss": 0.184, "accuracy": 0.9481},
                ],
            },
            "image": {
                "chosen": "image:mobilenet_v2",
                "why": "The only head that sees pictures alone.",
                "temperature": 1.31,
                "candidates": [
                    {"name": "image:mobilenet_v2", "kind": "single", "log_loss": 0.498, "accuracy": 0.8506},
                    {"name": "concat", "kind": "fused", "log_loss": 0.41, "accuracy": 0.8701},
                ],
            },
            "text": {
                "chosen": "text:lexical × text:minilm",
                "why": "The product of both text sources beats either: 0.184, against 0.209 and 0.236.",
                "temperature": 0.97,
                "candidates": [
                    {"name": "text:lexical × text:minilm", "log_loss": 0.184, "accuracy": 0.9481},
                    {"name": "text:lexical", "log_loss": 0.209, "accuracy": 0.9416},
                    {"name": "text:minilm", "log_loss": 0.236, "accuracy": 0.9286},
                ],
            },
        },
        "shapley": {"none": 1.95, "all": 0.15, "values": {"image": 0.61, "text": 1.19}},
        "emap": {
            "n": 142,
            "of": 142,
            "parts": {
                "image": {
                    "model": {"accuracy": 0.9648, "log_loss": 0.146},
                    "additive": {"accuracy": 0.9507, "log_loss": 0.171},
                    "gap": {
                        "accuracy": {"value": 0.0141, "low": -0.007, "high": 0.0352},
                        "log_loss": {"value": 0.025, "low": 0.004, "high": 0.048},
                    },
                }
            },
        },
        "slices": {
            "brand": [
                {"name": "Elegance", "kind": "value", "n": 40, "metrics": scored(0.975, 0.05, 0.11, 0.03)},
                {"name": "茶道", "kind": "value", "n": 30, "metrics": scored(0.9, 0.1, 0.31, 0.06)},
                {
                    "name": "1 other value",
                    "kind": "rest",
                    "n": 3,
                    "metrics": {"accuracy": {"value": 0.6667, "low": None, "high": None}},
                },
                {"name": "no value", "kind": "empty", "n": 81, "metrics": scored(0.963, 0.04, 0.15, 0.02)},
            ]
        },
        "risk_coverage": {
            "overall": {"n": 154, "error": 0.0455, "aurc": 0.0071, "points": risk(154, 7)},
            "classes": {
                "Watches": {"n": 22, "error": 0.0, "aurc": 0.0, "points": risk(22, 0)},
                "Computers": {"n": 24, "error": 0.125, "aurc": 0.0212, "points": risk(24, 3)},
                "Baby Care": {"n": 3, "error": 0.3333, "aurc": 0.1111, "points": risk(3, 1)},
            },
        },
        "mistakes": [
            {
                "row": 12,
                "id": "SHOEFZ7",
                "label": "Home Furnishing",
                "prediction": "Baby Care",
                "confidence": 0.9871,
                "pattern": "image+text",
                "text": "title: Soft cotton quilt. body: Wash at 40 degrees; for cots and prams. "
                + "It is light, warm and quick to dry, and its colours stay. " * 5,
                "image": "images/0012.jpg",
            },
            {
                "row": 40,
                "id": 40,
                "label": "厨房与餐厅",
                "prediction": "Home Decor & Festive Needs",
                "confidence": 0.9412,
                "pattern": "image+text",
                "text": "手工陶瓷茶壶，配两只茶杯。釉色温润，适合家用与送礼，直角骨与门均为简体字形。",
                "image": "images/0040.jpg",
            },
            {
                "row": 77,
                "id": None,
                "label": "Computers",
                "prediction": "Watches",
                "confidence": 0.9033,
                "pattern": "text",
                "text": "<script>alert('not run')</script> Smart band with USB charger & “cable”",
                "image": None,
            },
            {
                "row": 101,
                "id": "w-101",
                "label": "Watches",
                "prediction": "Beauty and Personal Care",
                "confidence": 0.8127,
                "pattern": "image",
                "text": None,
                "image": "images/0101.jpg",
            },
            {
                "row": 120,
                "id": "rtl-7",
                "label": "Beauty and Personal Care",
                "prediction": "Home Furnishing",
                "confidence": 0.744,
                "pattern": "image+text",
                "text": "زجاجة عطر صغيرة (50 مل) مع علبة هدايا",
                "image": "images/0120.jpg",
            },
        ],
        "data": {
            "name": "flipkart1050.csv",
            "rows": {"train": 735, "validation": 161, "test": 154},
            "left_out": 31,
            "classes": dict.fromkeys(CLASSES, 150),
        },
        "seed": 0,
        "sources": {
            "image:mobilenet_v2": {
                "modality": "image",
                "encoder": "google/mobilenet_v2_1.0_224",
                "width": 1280,
                "licence": "Apache-2.0",
            },
            "text:minilm": {
                "modality": "text",
                "encoder": "all-MiniLM-L6-v2",
                "width": 384,
                "licence": "Apache-2.0",
            },
            "text:lexical": {
                "modality": "text",
                "encoder": "word and character n-grams",
                "width": 20000,
                "licence": "none needed",
            },
        },
        "notes": ["Text columns read together, each after its name: title, body."],
        "warnings": [
            "2 rows of the test split are near duplicates of training rows: the figures flatter the model."
        ],
        "seconds": {"encode": 13.2, "train": 8.45, "evaluate": 1.9},
        "versions": {"motet": "0.1.0", "onnxruntime": "1.23.2", "numpy": "2.3.5"},
    }


def sample_thumbnails() -> dict[int, str]:
    return {row: drawn_uri(row) for row in (12, 40, 101, 120)}


def large(classes: int) -> dict[str, Any]:
    """The sample with many classes."""
    names = [f"class {index} of a long catalogue" for index in range(classes)]
    return {
        **sample(),
        "classes": names,
        "per_class": {name: {"support": 5, "precision": 0.5, "recall": 0.5, "f1": 0.5} for name in names},
        "confusion": {"labels": names, "matrix": matrix(classes, 5, 0.2, 1)},
    }


def prediction() -> dict[str, Any]:
    rest = {f"class {index}": 0.0021 for index in range(7)}
    return {
        "id": "SHOEFZ7",
        "prediction": "厨房与餐厅",
        "confidence": 0.8123,
        "pattern": "image+text",
        "probabilities": {
            "Home Decor & Festive Needs": 0.0911,
            "厨房与餐厅": 0.8123,
            "Home Furnishing": 0.0402,
            "Baby Care": 0.0204,
            "Watches": 0.0101,
            "Computers": 0.0112,
            **rest,
        },
        "issue": None,
    }
