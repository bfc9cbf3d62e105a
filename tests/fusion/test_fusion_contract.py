"""One contract for every fusion strategy: a new one is held to it by its line in the registry alone."""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from motet.encoders import Features
from motet.encoders.torch_export import export_onnx
from motet.fusion import FUSIONS, FusedState, Fusion, Source
from motet.fusion.attention import SourceAttention
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
Lengths = dict[str, int]  # T of the sources that come with tokens
LENGTHS = {"image:mobilenet_v2": 6, "text:all-minilm.l6": 4}
# Strategies by other names than those of the registry, with options of theirs.
VARIANTS: dict[str, tuple[type[Fusion], dict[str, Any]]] = {
    "attention-dot": (SourceAttention, {"score": "dot"}),
    "attention-hard": (SourceAttention, {"hard": True}),
    **{f"{name}-3": (one, {"layers": 3}) for name, one in FUSIONS.items() if one.layered},
}
DOT: tuple[str, Lengths] = ("attention-dot", {})
HARD: tuple[str, Lengths] = (
    "attention-hard",
    {},
)  # reads one source alone, so that only some tests are for it
TOKEN_CASES = [(name, LENGTHS) for name in sorted(FUSIONS) if FUSIONS[name].reads_tokens]
TOKEN_CASES += [(f"{name}-3", LENGTHS) for name in sorted(FUSIONS) if FUSIONS[name].layered]
CASES = [(name, {}) for name in sorted(FUSIONS)] + [DOT] + TOKEN_CASES


def make(name: str, *, seed: int = 0, sources: tuple[Source, ...] = SOURCES) -> FusedClassifier:
    torch.manual_seed(seed)
    strategy, said = VARIANTS[name] if name in VARIANTS else (FUSIONS[name], {})
    fusion = strategy(sources, width=WIDTH, dropout=0.1, **said)
    head = FusedClassifier(fusion, CLASSES)
    generator = torch.Generator().manual_seed(seed)
    for source, projection in zip(fusion.sources, fusion.projections, strict=True):
        projection.linear.standardise(
            torch.randn(source.width, generator=generator),
            torch.rand(source.width, generator=generator) + 0.5,
        )
    return head.eval()


def batch_of(
    patterns: list[tuple[bool, ...]],
    lengths: Lengths,
    *,
    seed: int = 1,
    absent: float = 0.0,
    padding: float = 0.0,
) -> Batch:
    """One row for each pattern; numbers of what is absent are `absent`, those of positions that are not shown are
    `padding`. Masks are ragged: any positions, but at least one of a row, that of an absent row too."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for source in SOURCES:
        present = torch.tensor([pattern[MODALITIES.index(source.modality)] for pattern in patterns])
        pooled = torch.randn(len(patterns), source.width, generator=generator)
        tokens = mask = None
        if source.name in lengths:
            shape = (len(patterns), lengths[source.name])
            mask = torch.rand(shape, generator=generator) < 0.6
            last = torch.randint(shape[1], (shape[0],), generator=generator)
            mask |= torch.arange(shape[1]) == last[:, None]
            tokens = torch.randn(*shape, source.width, generator=generator)
            tokens = torch.where(mask[..., None], tokens, padding)
            tokens = torch.where(present[:, None, None], tokens, absent)
        made[source.name] = Features(torch.where(present[:, None], pooled, absent), present, tokens, mask)
    return made


def rows_of(batch: Batch, rows: list[int]) -> Batch:
    return {
        name: Features(
            *(None if each is None else each[rows] for each in (f.pooled, f.present, f.tokens, f.mask))
        )
        for name, f in batch.items()
    }


def shifted(one: Features[Tensor], by: float) -> Features[Tensor]:
    return Features(one.pooled + by, one.present, None if one.tokens is None else one.tokens + by, one.mask)


def probabilities(head: nn.Module, batch: Batch) -> Tensor:
    with torch.no_grad():
        return head(batch).softmax(dim=1)


def identify(case: tuple[str, Lengths]) -> str:
    return case[0] + ("-tokens" if case[1] else "")


with_tokens = pytest.mark.parametrize("case", TOKEN_CASES, ids=identify, indirect=True)
hard_too = pytest.mark.parametrize("case", [*CASES, HARD], ids=identify, indirect=True)


@pytest.fixture(params=CASES, ids=identify)
def case(request: pytest.FixtureRequest) -> tuple[str, Lengths]:
    return request.param


@pytest.fixture
def name(case: tuple[str, Lengths]) -> str:
    return case[0]


@pytest.fixture
def lengths(case: tuple[str, Lengths]) -> Lengths:
    return case[1]


def test_shapes_and_every_pattern(name: str, lengths: Lengths) -> None:
    head = make(name)
    assert isinstance(head.fusion, Fusion)
    assert head.sources == SOURCES
    state = head.fusion(batch_of(PATTERNS, lengths))
    assert isinstance(state, FusedState)
    assert state.pooled.shape == (len(PATTERNS), head.fusion.width) == (8, WIDTH)
    assert torch.isfinite(state.pooled).all()
    if state.tokens is None or state.mask is None:
        assert state.tokens is state.mask is None
    else:
        assert state.tokens.shape == (*state.mask.shape, WIDTH)
        assert state.mask.dtype == torch.bool
    # What a row shows matters: no two patterns of the same numbers give one state.
    assert torch.unique(state.pooled, dim=0).shape[0] == len(PATTERNS)


def test_every_parameter_is_saved_and_learns_from_a_batch_of_all_patterns(
    name: str, lengths: Lengths
) -> None:
    head = make(name).train()
    batch = batch_of(PATTERNS * 4, lengths, absent=float("nan"))
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


def test_each_missing_token_alone_gets_a_gradient(name: str, lengths: Lengths) -> None:
    """Row by row: the token of a source learns exactly where its source is absent."""
    for row, pattern in enumerate(PATTERNS):
        head = make(name)
        head(rows_of(batch_of(PATTERNS, lengths), [row])).square().sum().backward()
        for source, projection in zip(head.sources, head.fusion.projections, strict=True):
            shown = pattern[MODALITIES.index(source.modality)]
            gradient = projection.missing.grad
            assert (gradient is None or not gradient.any()) == shown, (source.name, pattern)


def test_saved_and_loaded_gives_equal_outputs(name: str, lengths: Lengths, tmp_path: Path) -> None:
    head, other = make(name, seed=0), make(name, seed=5)
    batch = batch_of(PATTERNS, lengths)
    assert not torch.allclose(probabilities(head, batch), probabilities(other, batch))
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    other.load_state_dict(load_file(tmp_path / "head.safetensors"))
    torch.testing.assert_close(head(batch), other(batch), rtol=0, atol=0)


@hard_too
def test_in_eval_mode_a_row_does_not_depend_on_its_batch(name: str, lengths: Lengths) -> None:
    head = make(name)
    patterns = PATTERNS * 8
    batch = batch_of(patterns, lengths)
    whole = probabilities(head, batch)
    alone = torch.cat([probabilities(head, rows_of(batch, [row])) for row in range(len(patterns))])
    shuffled = torch.randperm(len(patterns), generator=torch.Generator().manual_seed(0)).tolist()
    other = probabilities(head, rows_of(batch, shuffled))
    assert (whole - alone).abs().max() < TOLERANCE
    assert (whole[shuffled] - other).abs().max() < TOLERANCE


def test_no_rows(name: str, lengths: Lengths) -> None:
    assert make(name)(rows_of(batch_of(PATTERNS, lengths), [])).shape == (0, CLASSES)


def test_neighbours_that_are_not_finite_do_not_reach_a_row(name: str, lengths: Lengths) -> None:
    head = make(name)
    batch = batch_of([PATTERNS[0]] * 3, lengths)
    want = probabilities(head, batch)
    for one in batch.values():
        one.pooled[1] = float("nan")
        if one.tokens is not None:
            one.tokens[1] = float("nan")
    got = probabilities(head, batch)
    torch.testing.assert_close(got[[0, 2]], want[[0, 2]])


@hard_too
def test_the_order_of_the_dictionary_does_not_matter(name: str, lengths: Lengths) -> None:
    head, batch = make(name), batch_of(PATTERNS, lengths)
    backwards = dict(reversed(batch.items()))
    assert list(backwards) != list(batch)
    torch.testing.assert_close(head(backwards), head(batch), rtol=0, atol=0)


@hard_too
def test_numbers_of_absent_rows_are_never_looked_at(name: str, lengths: Lengths) -> None:
    """NaN, infinity and plain numbers there change no output and no gradient."""
    results = []
    for absent in (0.0, 123.0, float("inf"), float("nan")):
        head = make(name)
        logits = head(batch_of(PATTERNS, lengths, absent=absent))
        logits.square().sum().backward()
        results.append((logits.detach(), {key: p.grad for key, p in head.named_parameters()}))
    for logits, gradients in results[1:]:
        torch.testing.assert_close(logits, results[0][0], rtol=0, atol=0)
        for key, gradient in gradients.items():
            torch.testing.assert_close(gradient, results[0][1][key], rtol=0, atol=0, msg=key)


def test_what_is_present_is_looked_at(name: str, lengths: Lengths) -> None:
    head = make(name)
    batch = batch_of([PATTERNS[0]], lengths)
    want = head.fusion(batch).pooled
    for source in SOURCES:
        changed = dict(batch)
        changed[source.name] = shifted(batch[source.name], 1.0)
        assert (head.fusion(changed).pooled - want).abs().max() > 1e-4, source.name


def test_absent_is_not_zero(name: str, lengths: Lengths) -> None:
    """A source whose standardised numbers are all zero is something else than a source that is not there."""
    head = make(name)
    batch = batch_of([PATTERNS[0]], lengths)
    for source, projection in zip(head.sources, head.fusion.projections, strict=True):
        mean, tokens, mask = projection.linear.mean, batch[source.name].tokens, batch[source.name].mask
        means = None if tokens is None else mean.expand_as(tokens)
        at_mean = Features(mean[None], torch.tensor([True]), means, mask)
        gone = Features(mean[None], torch.tensor([False]), means, mask)
        one, other = (head.fusion({**batch, source.name: x}).pooled for x in (at_mean, gone))
        assert (one - other).abs().max() > 1e-5, source.name


@hard_too
def test_weights_where_given_sum_to_one(name: str, lengths: Lengths) -> None:
    state = make(name).fusion(batch_of(PATTERNS, lengths))
    if state.weights is None:
        pytest.skip(f"{name} says nothing of weights")
    assert state.weights.shape == (len(PATTERNS), len(SOURCES))
    assert (state.weights >= 0).all()
    torch.testing.assert_close(state.weights.sum(dim=1), torch.ones(len(PATTERNS)))


@pytest.mark.parametrize("count", [1, 2])
def test_few_sources(name: str, lengths: Lengths, count: int) -> None:
    head, batch = make(name, sources=SOURCES[:count]), batch_of(PATTERNS, lengths)
    assert torch.isfinite(head({source.name: batch[source.name] for source in SOURCES[:count]})).all()


def test_two_sources_of_one_modality(name: str, lengths: Lengths) -> None:
    head, batch = make(name, sources=SOURCES[1:3]), batch_of(PATTERNS, lengths)
    assert torch.isfinite(head({source.name: batch[source.name] for source in SOURCES[1:3]})).all()


def test_six_modalities(name: str) -> None:
    modalities = ("image", "text", "audio", "tabular", "weight", "scent")
    sources = tuple(Source(f"{modality}:x", modality, 4) for modality in modalities)
    head = make(name, sources=sources)
    generator = torch.Generator().manual_seed(0)
    present = torch.tensor(list(product([True, False], repeat=6)))  # all 64 patterns
    batch = {
        source.name: Features(torch.randn(64, 4, generator=generator), present[:, column])
        for column, source in enumerate(sources)
    }
    logits = head(batch)
    assert torch.isfinite(logits).all()
    assert torch.unique(logits, dim=0).shape[0] == 64


@with_tokens
@pytest.mark.parametrize("padding", [7.0, float("inf"), float("nan")])
def test_positions_that_the_mask_hides_are_never_looked_at(
    name: str, lengths: Lengths, padding: float
) -> None:
    results = []
    for filled in (0.0, padding):
        head = make(name)
        logits = head(batch_of(PATTERNS, lengths, padding=filled))
        logits.square().sum().backward()
        results.append((logits.detach(), {key: p.grad for key, p in head.named_parameters()}))
    torch.testing.assert_close(results[1][0], results[0][0], rtol=0, atol=0)
    for key, gradient in results[1][1].items():
        torch.testing.assert_close(gradient, results[0][1][key], rtol=0, atol=0, msg=key)


@with_tokens
def test_more_padding_changes_nothing(name: str, lengths: Lengths) -> None:
    head, batch = make(name), batch_of(PATTERNS, lengths)
    longer = dict(batch)
    for source in lengths:
        one = batch[source]
        assert one.tokens is not None and one.mask is not None
        more = torch.full((len(PATTERNS), 3, one.tokens.shape[2]), float("nan"))
        hidden = torch.zeros(len(PATTERNS), 3, dtype=torch.bool)
        longer[source] = Features(
            one.pooled, one.present, torch.cat([one.tokens, more], 1), torch.cat([one.mask, hidden], 1)
        )
    torch.testing.assert_close(head(longer), head(batch))


@with_tokens
def test_each_position_that_is_shown_is_looked_at(name: str, lengths: Lengths) -> None:
    head, batch = make(name), batch_of([PATTERNS[0]], lengths)
    want = head.fusion(batch).pooled
    for source in lengths:
        one = batch[source]
        assert one.tokens is not None and one.mask is not None
        for position in one.mask[0].nonzero().flatten().tolist():
            tokens = one.tokens.clone()
            tokens[0, position] += 1
            changed = {**batch, source: Features(one.pooled, one.present, tokens, one.mask)}
            assert (head.fusion(changed).pooled - want).abs().max() > 1e-5, (source, position)


@with_tokens
def test_a_source_without_a_position_to_show_is_as_though_absent(name: str, lengths: Lengths) -> None:
    head, batch = make(name), batch_of([PATTERNS[0]] * 2, lengths)
    for source in lengths:
        one = batch[source]
        assert one.mask is not None
        none = Features(one.pooled, one.present, one.tokens, torch.zeros_like(one.mask))
        gone = Features(one.pooled, torch.zeros_like(one.present), one.tokens, one.mask)
        torch.testing.assert_close(head({**batch, source: none}), head({**batch, source: gone}))


def test_tokens_are_not_looked_at_where_a_strategy_says_so(name: str) -> None:
    head, batch = make(name), batch_of(PATTERNS, LENGTHS)
    pooled = {key: Features(one.pooled, one.present) for key, one in batch.items()}
    same = torch.equal(head(batch), head(pooled))
    assert same != head.fusion.reads_tokens


@hard_too
def test_stacked_weights_give_what_each_head_gives_alone(name: str, lengths: Lengths) -> None:
    """Logits and gradients of three heads, each with a batch of its own."""
    heads = [make(name, seed=seed) for seed in range(3)]
    batches = [batch_of(PATTERNS, lengths, seed=seed, absent=float("nan")) for seed in range(3)]
    parameters, buffers = stack_module_state(heads)
    parameters = {key: value.detach().requires_grad_() for key, value in parameters.items()}
    flattened = [flat(batch) for batch in batches]
    stacked = {key: torch.stack([each[key] for each in flattened]) for key in flattened[0]}
    module = Flat(heads[0], list(stacked))

    def call(weights: dict[str, Tensor], extra: dict[str, Tensor], arrays: dict[str, Tensor]) -> Tensor:
        named = {f"head.{key}": value for key, value in {**weights, **extra}.items()}
        return functional_call(module, named, tuple(arrays.values()))

    with warnings.catch_warnings():
        warnings.simplefilter(
            "error"
        )  # an operation without a rule for vmap is called head by head, and warns
        logits = vmap(call)(parameters, buffers, stacked)
        logits.square().sum().backward()
    for number, (head, batch) in enumerate(zip(heads, batches, strict=True)):
        alone = head(batch)
        alone.square().sum().backward()
        torch.testing.assert_close(logits[number], alone, atol=1e-5, rtol=1e-5)
        for key, parameter in head.named_parameters():
            gradient = parameters[key].grad
            assert gradient is not None
            torch.testing.assert_close(gradient[number], parameter.grad, atol=1e-5, rtol=1e-4, msg=key)


class Flat(nn.Module):
    """The head with one input for each array, as an ONNX graph has them."""

    def __init__(self, head: FusedClassifier, names: list[str]) -> None:
        super().__init__()
        self.head = head
        self.names = names

    def forward(self, *inputs: Tensor) -> Tensor:
        given = dict(zip(self.names, inputs, strict=True))
        return self.head(
            {
                source.name: Features(
                    given[f"{source.name}.pooled"],
                    given[f"{source.name}.present"],
                    given.get(f"{source.name}.tokens"),
                    given.get(f"{source.name}.mask"),
                )
                for source in self.head.sources
            }
        )


def flat(batch: Batch) -> dict[str, Tensor]:
    arrays = {
        f"{source}.{part}": getattr(one, part)
        for source, one in batch.items()
        for part in ("pooled", "present", "tokens", "mask")
    }
    return {key: array for key, array in arrays.items() if array is not None}


@hard_too
def test_the_onnx_graph_equals_torch_at_other_batch_sizes_and_lengths(
    name: str, lengths: Lengths, tmp_path: Path
) -> None:
    import onnxruntime

    def of_length(factor: int) -> Lengths:
        return {source: factor + number for number, source in enumerate(lengths)}

    path = tmp_path / "head.onnx"
    example, check = (flat(batch_of(rows, of_length(t))) for rows, t in ((PATTERNS[:3], 4), (PATTERNS, 6)))
    module = Flat(make(name), list(example)).eval()
    dynamic = {key: {0: "batch"} for key in example}
    for number, source in enumerate(lengths):
        dynamic[f"{source}.tokens"] = dynamic[f"{source}.mask"] = {0: "batch", 1: f"length{number}"}
    export_onnx(module, example, check, path, outputs=["logits"], dynamic=dynamic)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {each.name for each in session.get_inputs()}
    assert (
        {key for key in example if key.endswith((".tokens", ".mask", ".present"))} <= inputs <= set(example)
    )
    for patterns, length in (([PATTERNS[0]], 1), ([PATTERNS[-1]], 9), (PATTERNS[1:], 4), (PATTERNS * 3, 2)):
        batch = flat(batch_of(patterns, of_length(length), seed=9, absent=float("nan"), padding=float("nan")))
        (logits,) = session.run(
            ["logits"], {key: value.numpy() for key, value in batch.items() if key in inputs}
        )
        with torch.no_grad():
            np.testing.assert_allclose(logits, module(*batch.values()).numpy(), atol=1e-5)
