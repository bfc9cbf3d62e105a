"""One contract for every fusion strategy: a new one is held to it by its line in the registry alone."""

from __future__ import annotations

import inspect
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from motet.encoders import Features
from motet.encoders.torch_export import export_onnx
from motet.fusion import FUSIONS, FusedState, Fusion, Source
from motet.tasks import FusedClassifier

# Two sources of one modality, other widths, and names that no module of torch may have.
SOURCES = (
    Source("image:mobilenet_v2", "image", 7),
    Source("text:all-minilm.l6", "text", 5),
    Source("text:lexical", "text", 11),
    Source("tabular:tabular", "tabular", 3),
)
MODALITIES = ("image", "text", "tabular")
PATTERNS = list(product([True, False], repeat=len(MODALITIES)))  # each of the eight, "none" last
CLASSES = 4
WIDTH = 16
Batch = dict[str, Features[Tensor]]
TOLERANCE = 1e-4  # in probability, as the contract says


def make(name: str, *, seed: int = 0, sources: tuple[Source, ...] = SOURCES) -> FusedClassifier:
    torch.manual_seed(seed)
    fusion = FUSIONS[name](sources, width=WIDTH, dropout=0.1)
    head = FusedClassifier(fusion, CLASSES)
    generator = torch.Generator().manual_seed(seed)
    for source, projection in zip(fusion.sources, fusion.projections, strict=True):
        projection.linear.standardise(
            torch.randn(source.width, generator=generator),
            torch.rand(source.width, generator=generator) + 0.5,
        )
    return head.eval()


def batch_of(patterns: list[tuple[bool, ...]], *, seed: int = 1, absent: float = 0.0) -> Batch:
    """One row for each pattern; numbers of what is absent are `absent`."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for source in SOURCES:
        present = torch.tensor([pattern[MODALITIES.index(source.modality)] for pattern in patterns])
        pooled = torch.randn(len(patterns), source.width, generator=generator)
        made[source.name] = Features(torch.where(present[:, None], pooled, absent), present)
    return made


def rows_of(batch: Batch, rows: list[int]) -> Batch:
    return {name: Features(one.pooled[rows], one.present[rows]) for name, one in batch.items()}


def probabilities(head: nn.Module, batch: Batch) -> Tensor:
    with torch.no_grad():
        return head(batch).softmax(dim=1)


@pytest.fixture(params=sorted(FUSIONS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_shapes_and_every_pattern(name: str) -> None:
    head = make(name)
    assert isinstance(head.fusion, Fusion)
    assert head.sources == SOURCES
    state = head.fusion(batch_of(PATTERNS))
    assert isinstance(state, FusedState)
    assert state.pooled.shape == (len(PATTERNS), head.fusion.width) == (8, WIDTH)
    assert torch.isfinite(state.pooled).all()
    assert (state.tokens is None) == (state.mask is None)
    # What a row shows matters: no two patterns of the same numbers give one state.
    assert torch.unique(state.pooled, dim=0).shape[0] == len(PATTERNS)


def test_every_parameter_is_saved_and_learns_from_a_batch_of_all_patterns(name: str) -> None:
    head = make(name).train()
    batch = batch_of(PATTERNS * 4, absent=float("nan"))
    labels = torch.arange(len(PATTERNS) * 4) % CLASSES
    nn.functional.cross_entropy(head(batch), labels).backward()
    parameters = dict(head.named_parameters())
    assert set(parameters) <= set(head.state_dict())
    # A tensor that is neither a parameter nor a buffer would be lost on saving: none may hide elsewhere.
    for module in head.modules():
        hidden = [
            key for key, value in vars(module).items() if isinstance(value, Tensor | nn.Module | nn.Parameter)
        ]
        listed = [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and isinstance(value, list | tuple | dict)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, Tensor | nn.Module)
        ]
        assert hidden == listed == []
    for key, parameter in parameters.items():
        assert parameter.grad is not None, f"{key} gets no gradient"
        assert torch.isfinite(parameter.grad).all(), f"{key} gets a gradient that is not finite"
        assert parameter.grad.abs().max() > 0, f"{key} gets a gradient of zero"


def test_each_missing_token_alone_gets_a_gradient(name: str) -> None:
    """Row by row: the token of a source learns exactly where its source is absent."""
    for row, pattern in enumerate(PATTERNS):
        head = make(name)
        head(rows_of(batch_of(PATTERNS), [row])).square().sum().backward()
        for source, projection in zip(head.sources, head.fusion.projections, strict=True):
            shown = pattern[MODALITIES.index(source.modality)]
            gradient = projection.missing.grad
            assert (gradient is None or not gradient.any()) == shown, (source.name, pattern)


def test_saved_and_loaded_gives_equal_outputs(name: str, tmp_path: Path) -> None:
    head, other = make(name, seed=0), make(name, seed=5)
    batch = batch_of(PATTERNS)
    assert not torch.allclose(probabilities(head, batch), probabilities(other, batch))
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    other.load_state_dict(load_file(tmp_path / "head.safetensors"))
    torch.testing.assert_close(head(batch), other(batch), rtol=0, atol=0)


def test_in_eval_mode_a_row_does_not_depend_on_its_batch(name: str) -> None:
    head = make(name)
    patterns = PATTERNS * 8
    batch = batch_of(patterns)
    whole = probabilities(head, batch)
    alone = torch.cat([probabilities(head, rows_of(batch, [row])) for row in range(len(patterns))])
    shuffled = torch.randperm(len(patterns), generator=torch.Generator().manual_seed(0)).tolist()
    other = probabilities(head, rows_of(batch, shuffled))
    assert (whole - alone).abs().max() < TOLERANCE
    assert (whole[shuffled] - other).abs().max() < TOLERANCE


def test_neighbours_that_are_not_finite_do_not_reach_a_row(name: str) -> None:
    head = make(name)
    batch = batch_of([PATTERNS[0]] * 3)
    want = probabilities(head, batch)
    for one in batch.values():
        one.pooled[1] = float("nan")
    got = probabilities(head, batch)
    torch.testing.assert_close(got[[0, 2]], want[[0, 2]])


def test_the_order_of_the_dictionary_does_not_matter(name: str) -> None:
    head, batch = make(name), batch_of(PATTERNS)
    backwards = dict(reversed(batch.items()))
    assert list(backwards) != list(batch)
    torch.testing.assert_close(head(backwards), head(batch), rtol=0, atol=0)


def test_numbers_of_absent_rows_are_never_looked_at(name: str) -> None:
    """NaN, infinity and plain numbers there change no output and no gradient."""
    results = []
    for absent in (0.0, 123.0, float("inf"), float("nan")):
        head = make(name)
        logits = head(batch_of(PATTERNS, absent=absent))
        logits.square().sum().backward()
        results.append((logits.detach(), {key: p.grad for key, p in head.named_parameters()}))
    for logits, gradients in results[1:]:
        torch.testing.assert_close(logits, results[0][0], rtol=0, atol=0)
        for key, gradient in gradients.items():
            torch.testing.assert_close(gradient, results[0][1][key], rtol=0, atol=0, msg=key)


def test_what_is_present_is_looked_at(name: str) -> None:
    head = make(name)
    batch = batch_of([PATTERNS[0]])
    want = head.fusion(batch).pooled
    for source in SOURCES:
        changed = dict(batch)
        changed[source.name] = Features(batch[source.name].pooled + 1, batch[source.name].present)
        assert (head.fusion(changed).pooled - want).abs().max() > 1e-4, source.name


def test_absent_is_not_zero(name: str) -> None:
    """A source whose standardised numbers are all zero is something else than a source that is not there."""
    head = make(name)
    batch = batch_of([PATTERNS[0]])
    for source, projection in zip(head.sources, head.fusion.projections, strict=True):
        at_mean = Features(projection.linear.mean[None].clone(), torch.tensor([True]))
        gone = Features(projection.linear.mean[None].clone(), torch.tensor([False]))
        one, other = (head.fusion({**batch, source.name: x}).pooled for x in (at_mean, gone))
        assert (one - other).abs().max() > 1e-5, source.name


def test_weights_where_given_sum_to_one(name: str) -> None:
    state = make(name).fusion(batch_of(PATTERNS))
    if state.weights is None:
        pytest.skip(f"{name} says nothing of weights")
    assert state.weights.shape == (len(PATTERNS), len(SOURCES))
    assert (state.weights >= 0).all()
    torch.testing.assert_close(state.weights.sum(dim=1), torch.ones(len(PATTERNS)))


@pytest.mark.parametrize("count", [1, 2])
def test_few_sources(name: str, count: int) -> None:
    head = make(name, sources=SOURCES[:count])
    batch = {source.name: batch_of(PATTERNS)[source.name] for source in SOURCES[:count]}
    assert torch.isfinite(head(batch)).all()


class Flat(nn.Module):
    """The head with one named input for each array, as an ONNX graph has them."""

    def __init__(self, head: FusedClassifier) -> None:
        super().__init__()
        self.head = head

    def forward(self, p0, r0, p1, r1, p2, r2, p3, r3):  # type: ignore[no-untyped-def]
        arrays = [(p0, r0), (p1, r1), (p2, r2), (p3, r3)]
        return self.head({s.name: Features(*pair) for s, pair in zip(self.head.sources, arrays, strict=True)})


def flat(batch: Batch) -> dict[str, Tensor]:
    made = {}
    for i, source in enumerate(SOURCES):
        made[f"p{i}"], made[f"r{i}"] = batch[source.name].pooled, batch[source.name].present
    assert list(made) == list(inspect.signature(Flat.forward).parameters)[1:]
    return made


def test_the_onnx_graph_equals_torch_at_other_batch_sizes(name: str, tmp_path: Path) -> None:
    import onnxruntime

    module, path = Flat(make(name)).eval(), tmp_path / "head.onnx"
    example, check = batch_of(PATTERNS[:3]), batch_of(PATTERNS)
    names = list(flat(example))
    export_onnx(
        module,
        flat(example),
        flat(check),
        path,
        outputs=["logits"],
        dynamic={key: {0: "batch"} for key in names},
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for patterns in ([PATTERNS[0]], [PATTERNS[-1]], PATTERNS[1:], PATTERNS * 3):  # 1, 1, 7, 24 rows
        batch = flat(batch_of(patterns, seed=9, absent=float("nan")))
        (logits,) = session.run(["logits"], {key: value.numpy() for key, value in batch.items()})
        with torch.no_grad():
            np.testing.assert_allclose(logits, module(**batch).numpy(), atol=1e-5)
