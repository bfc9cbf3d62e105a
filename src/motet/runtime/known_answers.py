"""A model's answers to rows of which modalities are hidden, each computed once however often it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from motet.runtime.model import EncodedRows, Model

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
IN_MEMORY = 2**25  # probabilities that are kept, 256 MB; where there could be more none is


class KnownAnswers:
    """{modality: present [N]} -> probabilities [N, C], as `Model.probabilities` gives them.

    A row has at most 2^M answers, one for each set of its modalities; curves and Shapley values ask for the same ones
    again and again.
    """

    def __init__(self, model: Model, encoded: EncodedRows) -> None:
        self.model, self.encoded = model, encoded
        size = len(encoded) * len(model.manifest.prior) * 2 ** len(encoded.present)
        self._known: dict[int, tuple[Bools, Floats]] | None = {} if size <= IN_MEMORY else None

    def __call__(self, present: Mapping[str, Bools]) -> Floats:
        """Probabilities [N, C] when each row shows the modalities that are present in it."""
        if self._known is None:
            return self.model.probabilities(self.encoded, present)
        shape = len(self.encoded), len(self.model.manifest.prior)
        answers = np.empty(shape)
        codes = np.stack([present[m] for m in self.encoded.present], axis=1) @ (1 << np.arange(len(present)))
        for code in np.unique(codes).tolist():
            known, kept = self._known.setdefault(code, (np.zeros(shape[0], bool), np.empty(shape)))
            mine = codes == code
            asked = np.flatnonzero(mine & ~known)
            if len(asked):
                kept[asked] = self.model.probabilities(self.encoded, present, asked)
                known[asked] = True
            answers[mine] = kept[mine]
        return answers
