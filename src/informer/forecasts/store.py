"""Models on disk: a folder per version with arrays (safetensors) and settings (JSON)."""

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from informer.core.errors import InformerError
from informer.core.types import Model

FORMAT = 1
ARRAYS = "arrays.safetensors"
SETTINGS = "model.json"


def save_model(model: Model, folder: Path) -> str:
    """Write the next version below the folder and return its name: 0001, 0002, ...

    The version appears complete or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", dir=folder))
    try:
        arrays = {k: np.asarray(a, order="C") for k, a in model.arrays.items()}
        (made / ARRAYS).write_bytes(save(arrays))
        document = {"format": FORMAT, "forecaster": model.forecaster, "settings": model.settings}
        (made / SETTINGS).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
        made.chmod(0o755)
        version = f"{max([int(v) for v in versions(folder)], default=0) + 1:04d}"
        made.rename(folder / version)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return version


def load_model(folder: Path, version: str) -> Model:
    """The model of that version; forecasts of it are bit-equal to those before it was saved."""
    path = folder / version
    try:
        document = json.loads((path / SETTINGS).read_text())
        if not isinstance(document, dict):
            raise ValueError(f"{SETTINGS} must hold a JSON object")
        if document["format"] != FORMAT:
            raise InformerError(
                f"model {path} must have format {FORMAT}, got {document['format']}:"
                " it was written by another version of Informer"
            )
        return Model(document["forecaster"], load_file(path / ARRAYS), document["settings"])
    except FileNotFoundError as error:
        raise InformerError(f"model {path} must hold {ARRAYS} and {SETTINGS}: {error}") from error
    except (ValueError, KeyError, SafetensorError) as error:
        raise InformerError(f"model {path} must be readable, got: {error}") from error


def versions(folder: Path) -> list[str]:
    """Names of the versions below the folder, the oldest first."""
    return sorted(p.name for p in folder.iterdir() if p.name.isdigit())


def kept_versions(models: Path) -> dict[str, list[str]]:
    """Of every pattern with a folder in `models`, the names of its versions, the oldest first."""
    return {p.name: versions(p) for p in models.glob("*") if p.is_dir()}


def forget_versions(folder: Path, names: Iterable[str]) -> None:
    """Take versions away, and what is left of those whose saving or going was cut off.

    Nobody may save one there meanwhile.
    """
    for name in names:
        (folder / name).rename(folder / f".{name}")  # gone as a whole, however long that takes
    for left in folder.glob(".*"):
        shutil.rmtree(left)
