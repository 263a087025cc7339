"""Models on disk: versions appear whole, and what cannot be read is said in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.types import Model
from informer.forecasts.store import ARRAYS, SETTINGS, load_model, save_model

MODEL = Model(
    "seasonal",
    {
        "rates": np.arange(12.0).reshape(2, 2, 3)[:, ::-1],
        "limits": np.array([np.inf, -0.0, 5e-324]),
        "weights": np.float32([[0.1]]),
        "offset": np.zeros((), np.float32),
    },
    {"period_s": 86_400, "rpcs": ["a", 'quote " and \n line']},
)


def test_a_loaded_model_is_the_saved_one_bit_for_bit(tmp_path: Path) -> None:
    loaded = load_model(tmp_path / "p", save_model(MODEL, tmp_path / "p"))
    assert loaded.forecaster == MODEL.forecaster
    assert loaded.settings == MODEL.settings
    assert set(loaded.arrays) == set(MODEL.arrays)
    for name, array in MODEL.arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        assert loaded.arrays[name].shape == array.shape
        assert loaded.arrays[name].tobytes() == array.tobytes()


def test_every_save_is_a_version_of_its_own(tmp_path: Path) -> None:
    assert [save_model(MODEL, tmp_path) for _ in range(3)] == ["0001", "0002", "0003"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0001", "0002", "0003"]


def test_a_save_that_fails_leaves_nothing(tmp_path: Path) -> None:
    broken = Model("seasonal", MODEL.arrays, {"period_s": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        save_model(broken, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_format_is_refused(tmp_path: Path) -> None:
    version = save_model(MODEL, tmp_path)
    path = tmp_path / version / SETTINGS
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(InformerError, match="must have format 1, got 99"):
        load_model(tmp_path, version)


@pytest.mark.parametrize("name", [ARRAYS, SETTINGS])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    version = save_model(MODEL, tmp_path)
    (tmp_path / version / name).unlink()
    with pytest.raises(InformerError, match="must hold"):
        load_model(tmp_path, version)


@pytest.mark.parametrize("name", [ARRAYS, SETTINGS])
@pytest.mark.parametrize("junk", [b"", b"\x00\xff junk", b"{}", b"null", b"[1]"])
def test_a_damaged_file_is_said_in_one_line(tmp_path: Path, name: str, junk: bytes) -> None:
    version = save_model(MODEL, tmp_path)
    (tmp_path / version / name).write_bytes(junk)
    with pytest.raises(InformerError, match="must be readable") as caught:
        load_model(tmp_path, version)
    assert "\n" not in str(caught.value)
