"""Where real data are that the project measures with but may not hold."""

import os
from pathlib import Path

VARIABLE = "INFORMER_DATA"


def real_data(name: str) -> Path:
    """The folder of a data set. Errors: FileNotFoundError that says what to set."""
    folder = Path(os.environ.get(VARIABLE, "")) / name
    if VARIABLE not in os.environ or not folder.is_dir():
        raise FileNotFoundError(f"set {VARIABLE} to the folder that holds {name}")
    return folder
