"""Saved encoders of sounds, vectors and words answer alike where nothing of the learning wing can be imported."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bare_install import python
from motet.data import cells, infer_schema, read_table
from motet.encoders import embedded, save_encoder
from motet.encoders.word_vectors import WordVectorsEncoder

CODE = """
import numpy as np
from pathlib import Path
from motet.data import cells, infer_schema, read_table
from motet.encoders import load_encoder
place = Path(sys.argv[1])
table = read_table(place / "t.parquet")
columns = cells(table, infer_schema(table))
for name in ("audio", "text", "lidar"):
    made = load_encoder(place / name).encode(columns[name], np.arange(3)).rows.dense(np.arange(3))
    np.save(place / f"{name}.npy", made)
"""


def tone(hertz: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(4_000) * hertz / 8_000 * 2 * np.pi), 8_000, format="FLAC")
    return file.getvalue()


def test_the_same_numbers_in_a_bare_install(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "w.vec").write_text("brass 1 2\nlamp 3 4\n")
    columns = {
        "sound": [tone(300), tone(900), None],
        "lidar": [[1.0, 2.0], [3.0, 2.5], None],
        "title": ["a lamp of brass and oak", "the other lamp that is here", "brass or some other metal"],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    made = cells(table, infer_schema(table))
    encoders = {
        "audio": embedded("audio"),
        "lidar": embedded("lidar"),
        "text": WordVectorsEncoder(tmp_path / "w.vec"),
    }
    expected = {}
    for name, encoder in encoders.items():
        assert encoder is not None
        encoder.fit(made[name], np.arange(3))
        expected[name] = encoder.encode(made[name], np.arange(3)).rows.dense(np.arange(3))
        save_encoder(encoder, tmp_path / name)
    done = python(CODE, tmp_path, allowed=["safetensors"])  # of the core install: it holds word vectors
    assert done.returncode == 0, done.stderr
    for name, wanted in expected.items():
        assert np.abs(wanted).max() > 0
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), wanted, err_msg=name)


@pytest.mark.parametrize("module", ["motet.data", "motet.encoders", "motet.preprocessing"])
def test_importing_loads_no_audio_library(module: str) -> None:
    code = f"import {module}, sys; print([n for n in ('soundfile', 'scipy', 'torch') if n in sys.modules])"
    done = python(code, bare=False)
    assert done.stdout.strip() == "[]", done.stderr
