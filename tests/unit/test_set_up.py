"""What a newcomer reads when there is no Python that can carry Informer."""

import subprocess
import sys
from pathlib import Path

import pytest

SET_UP = Path(__file__).parents[2] / "requirements" / "set-up.sh"

# A Python in all but the answer to one question.
TOO_OLD = 'case "$2" in *version_info*) exit 1;; esac; echo Python 3.10.1'
WITHOUT_ENSUREPIP = f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'


def told(folder: Path, body: str) -> str:
    """What set-up says on stderr when this is the Python to use."""
    python = folder / "python3"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(0o755)
    ended = subprocess.run(
        ["sh", str(SET_UP), "run.lock"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert not (folder / ".venv").exists()
    return ended.stderr


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (TOO_OLD, "set-up: needs Python >= 3.11, found Python 3.10.1\n"),
        ("exit 127", "set-up: needs Python >= 3.11, found none\n"),
    ],
    ids=["too old", "none"],
)
def test_without_a_fitting_python_set_up_says_what_it_needs(
    tmp_path: Path, body: str, line: str
) -> None:
    assert told(tmp_path, body) == line


def test_a_python_without_ensurepip_is_told_with_the_package_that_mends_it(tmp_path: Path) -> None:
    line = told(tmp_path, WITHOUT_ENSUREPIP)
    assert line.count("\n") == 1
    assert "sudo apt-get install python3-venv" in line
