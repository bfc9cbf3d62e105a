"""The `small` picture network: places of its tokens, and form told apart from colours."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_small import load, write_encoder
from motet.encoders.torch_small_vision import Form, SmallVision, VisionConfig, waves
from motet.training.scratch_rows import square_pixels

APART = VisionConfig(side=32, widths=(4, 8, 12), colours=6)
CELL = 8  # pixels of a token


@pytest.fixture(scope="module")
def network() -> SmallVision:
    torch.manual_seed(0)
    made = SmallVision(APART)
    made(torch.rand(16, 3, 32, 32) * 2 - 1)  # moments that are not those of the beginning
    return made.eval()


@pytest.fixture
def pixels() -> Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) - 0.5


def test_tokens_with_places_tell_where_they_are() -> None:
    """A plain picture of one colour has the same tokens everywhere but at the edge, unless places are seen."""
    plain = torch.full((1, 3, 64, 64), 0.5)
    for places in (False, True):
        torch.manual_seed(0)
        made = SmallVision(VisionConfig(side=64, widths=(4, 8), places=places)).eval()
        with torch.inference_mode():
            inner = made(plain)[1].view(16, 16, 8)[4:12, 4:12]
        assert torch.allclose(inner, inner[:1, :1].expand_as(inner), atol=1e-5) is not places


def test_places_are_as_like_as_they_are_near() -> None:
    """sin a sin b + cos a cos b = cos(a - b): of two cells the product follows from how far apart they are, as here."""
    side, width = 5, 12
    lengths = [40 * (4 / 40) ** (k / 2) for k in range(3)]  # cells of a wave: eight sides to four cells
    made = waves(side, width).view(side, side, width).double()
    for row, column in ((0, 0), (1, 0), (0, 3), (4, 2)):
        wanted = 2 * sum(math.cos(math.tau * gap / one) for one in lengths for gap in (row, column))
        assert float(made[0, 0] @ made[row, column]) == pytest.approx(wanted, abs=1e-4)
        assert float(made[-1, -1] @ made[-1 - row, -1 - column]) == pytest.approx(wanted, abs=1e-4)
    assert float(made.square().mean()) == pytest.approx(1)


def test_places_of_any_width() -> None:
    assert waves(3, 7).shape == (9, 7)


@torch.inference_mode()
def test_form_does_not_see_colours(network: SmallVision, pixels: Tensor) -> None:
    other = pixels + torch.tensor([0.3, -0.1, -0.2]).view(3, 1, 1)  # of the same light
    (_, one), (_, two) = network(pixels), network(other)
    form, colours = slice(0, -APART.colours), slice(-APART.colours, None)
    assert torch.allclose(one[..., form], two[..., form], atol=1e-4)
    assert not torch.allclose(one[..., colours], two[..., colours], atol=1e-2)


@torch.inference_mode()
def test_colours_do_not_see_form(network: SmallVision, pixels: Tensor) -> None:
    """Where the squares of two pixels that it reads change places within a cell, and where they come twice."""
    squares = pixels.view(
        2, 3, 4, CELL // 2, 2, 4, CELL // 2, 2
    )  # [B, 3, cell, square, pixel, cell, square, pixel]
    squares = squares.flip(3).transpose(3, 6)
    moved = squares.reshape(2, 3, 32, 32)
    (_, one), (_, two) = network(pixels), network(moved)
    form, colours = slice(0, -APART.colours), slice(-APART.colours, None)
    assert torch.allclose(one[..., colours], two[..., colours], atol=1e-5)
    assert not torch.allclose(one[..., form], two[..., form], atol=1e-2)


@pytest.mark.parametrize("colours", [-1, 1, 12, 13])
def test_a_token_has_room_for_form_and_colours(colours: int) -> None:
    with pytest.raises(ValueError, match="colours are 0, or 2 to 11"):
        VisionConfig(side=32, widths=(4, 8, 12), colours=colours)


def test_an_edge_looks_alike_however_strong_it_is() -> None:
    """Against the definition, pixel by pixel."""
    light = np.random.default_rng(0).random((12, 13)).astype(np.float32)

    def around(values: np.ndarray) -> np.ndarray:
        rows, columns = values.shape
        return np.array(
            [
                [values[max(0, i - 4) : i + 5, max(0, j - 4) : j + 5].mean() for j in range(columns)]
                for i in range(rows)
            ]
        )

    centred = light - around(light)
    wanted = centred / (np.sqrt(around(centred**2)) + 0.05)
    found = Form()(torch.from_numpy(light).expand(1, 3, 12, 13))[0, 0].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    # Five times the difference, at another level, is nearly the same edge.
    edge = torch.zeros(1, 3, 20, 20)
    edge[..., 10:] = 1
    near = slice(8, 12)
    weak, strong = (Form()(edge * size + 0.1)[..., near] for size in (0.3, 1.5))
    assert torch.allclose(weak, strong, rtol=0.35)


@pytest.mark.parametrize("side", [24, 30, 33])
@torch.inference_mode()
def test_both_have_the_same_cells(side: int) -> None:
    config = VisionConfig(side=side, widths=(4, 8, 12), colours=6)
    _, tokens = SmallVision(config).eval()(torch.rand(1, 3, side, side))
    assert tokens.shape == (1, (-(-side // CELL)) ** 2, 12)


def test_what_is_written_tells_them_apart_too(network: SmallVision, pixels: Tensor, tmp_path: Path) -> None:
    place = write_encoder(network, square_pixels(32), tmp_path)
    opened = load(place)
    assert opened.config == APART
    with torch.inference_mode():
        wanted, _ = opened(pixels)
    found = PretrainedEncoder(place).engine({"pixel_values": pixels.numpy()})
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)
