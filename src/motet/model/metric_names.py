"""What the metrics of `evaluation.json` are called wherever a person reads them, in the order they are shown."""

from __future__ import annotations

METRIC_NAMES = {
    "accuracy": "accuracy",
    "vqa_accuracy": "VQA accuracy",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "sample_f1": "sample-F1",
    "map": "mAP",
    "subset_accuracy": "all labels right",
    "label_accuracy": "share of labels right",
    "log_loss": "log-loss",
    "ece": "ECE",
    "r2": "R2",
    "rmse": "RMSE",
    "mae": "MAE",
    "relative_squared_error": "relative squared error",
    "recall@1": "recall@1",
    "recall@5": "recall@5",
    "recall@10": "recall@10",
    "median_rank": "median rank",
    "mrr": "MRR",
    "cider_d": "CIDEr-D",
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "clip_score": "CLIPScore",
    "ref_clip_score": "RefCLIPScore",
}


def metric_name(key: str) -> str:
    """The name of a metric as papers write it; the key in words where it is not known."""
    return METRIC_NAMES.get(key, key.replace("_", " "))
