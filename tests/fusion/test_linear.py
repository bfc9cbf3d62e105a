"""The sparse path of the first layer equals the dense one, gradients included."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.encoders import Features, SparseRows
from motet.fusion import StandardisedLinear, sparse_batch


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**16), rows=st.integers(1, 9), width=st.integers(1, 30), share=st.floats(0, 1))
def test_sparse_equals_dense(seed: int, rows: int, width: int, share: float) -> None:
    random = np.random.default_rng(seed)
    values = np.where(random.random((rows, width)) < share, random.normal(size=(rows, width)), 0)
    values = values.astype(np.float32)
    present = torch.from_numpy(random.random(rows) < 0.7)
    start = np.concatenate([[0], np.cumsum((values != 0).sum(axis=1))])
    columns = np.nonzero(values)[1].astype(np.int32)
    sparse = SparseRows(start, columns, values[values != 0], width)
    np.testing.assert_array_equal(sparse.dense(np.arange(rows)), values)
    torch.manual_seed(seed)
    layer = StandardisedLinear(width, 4)
    made, gradients = [], []
    for pooled in (torch.from_numpy(values), sparse_batch(sparse)):
        layer.zero_grad()
        y = layer(Features(pooled, present))
        y.square().sum().backward()
        made.append(y.detach())
        gradients.append((layer.weight.grad.clone(), layer.bias.grad.clone()))
    torch.testing.assert_close(made[1], made[0], atol=1e-5, rtol=1e-5)
    for sparse_gradient, dense_gradient in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(sparse_gradient, dense_gradient, atol=1e-4, rtol=1e-4)
