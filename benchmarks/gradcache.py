"""Peak memory and seconds of a contrastive step of the `small` encoders: much by GradCache, little plainly.

Pictures of 96 x 96 pixels and sentences of 16 word pieces are drawn when they are read, as though from a disk.
Each step runs in a process of its own, two times: the first warms up.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

from _measuring import arguments, finish

WIDTH, VOCABULARY, PIECES = 256, 8000, 16


def main() -> None:
    options = arguments(__doc__, small=256, large=4096, part=128)
    plain = measured(options.small, 0)
    cached = measured(options.large, options.part)
    finish(
        {
            "benchmark": "gradcache",
            "plain": plain,
            "cached": cached,
            "memory_ratio": round(cached["peak_mb"] / plain["peak_mb"], 3),
            "seconds_a_pair_ratio": round(
                cached["seconds"] / options.large / (plain["seconds"] / options.small), 3
            ),
        }
    )


def measured(batch: int, part: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--step", str(batch), str(part)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def step(batch: int, part: int) -> None:
    """One step of `batch` pairs: in parts, or plainly where `part` is 0; its peak of memory, and that before it."""
    import torch
    from torch import Tensor, nn

    from motet.encoders.torch_small_vision import SmallVision, VisionConfig
    from motet.encoders.torch_small_words import SmallWords, WordsConfig
    from motet.tasks.match import MatchBatch, make_objective
    from motet.training.grad_cache import Side, backward_in_parts

    class Tower(nn.Module):
        def __init__(self, network: SmallVision | SmallWords) -> None:
            super().__init__()
            self.network, self.project = network, nn.Linear(network.width, WIDTH)

        def forward(self, inputs: dict[str, Tensor]) -> Tensor:
            return nn.functional.normalize(self.project(self.network(**inputs)[0]), dim=-1)

    def pictures(begin: int, count: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(begin)
        return {"pixel_values": torch.randn(count, 3, 96, 96, generator=random)}

    def sentences(begin: int, count: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(begin)
        ids = torch.randint(2, VOCABULARY, (count, PIECES), generator=random)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    torch.manual_seed(0)
    towers = (Tower(SmallVision(VisionConfig())), Tower(SmallWords(WordsConfig(VOCABULARY))))
    objective = make_objective("infonce", WIDTH)
    positives = torch.eye(batch, dtype=torch.bool)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for _ in range(2):
        begun = time.perf_counter()
        if part:
            sides = [
                Side(
                    tower,
                    [lambda b=b, read=read: read(b, min(part, batch - b)) for b in range(0, batch, part)],
                )
                for tower, read in zip(towers, (pictures, sentences), strict=True)
            ]
            loss = backward_in_parts(*sides, positives, objective)
        else:
            vectors = (
                tower(read(0, batch)) for tower, read in zip(towers, (pictures, sentences), strict=True)
            )
            whole = objective(MatchBatch(*vectors, positives))
            whole.backward()
            loss = float(whole.detach())
        taken = time.perf_counter() - begun
    print(
        json.dumps(
            {
                "batch": batch,
                "part": part,
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "before_mb": round(before),
                "seconds": round(taken, 2),
                "loss": round(loss, 3),
            }
        )
    )


if __name__ == "__main__":
    if "--step" in sys.argv:
        step(*map(int, sys.argv[2:]))
    else:
        main()
