"""What all tests share: the data folder, how hard Hypothesis looks and how Spark is set up."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from learned_shop import own_workspace, shop

__all__ = ["data", "own_workspace", "shop"]  # fixtures

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")
os.environ.setdefault("SPARK_CONF_DIR", str(Path(__file__).parent / "spark"))


WAITING, LIGHT = "service", "unit"  # folders of tests: for real parts most of the time, and short
# Folders of tests that go many times through lines that others reach: to count these takes long.
AGAIN = ("property", "fuzz")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in an order in which two workers keep two cores busy until the end.

    What waits for real parts lies evenly among what computes; the light files come last.
    """
    folders: dict[str, list[Path]] = {}
    for path in dict.fromkeys(item.path for item in items):
        kind = path.parent.name
        folders.setdefault(kind if kind in (WAITING, LIGHT) else "", []).append(path)
    place = {
        path: (kind == LIGHT, (i + 0.5) / len(paths))
        for kind, paths in folders.items()
        for i, path in enumerate(paths)
    }
    items.sort(key=lambda item: place[item.path])
    for item in items:
        if item.path.parent.name in AGAIN:
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of large captures that INFORMER_DATA names; without it the test is skipped.

    A folder that was promised and is not there is a failure: it would skip the tests unseen.
    """
    named = os.environ.get("INFORMER_DATA")
    if not named:
        pytest.skip("needs large captures: INFORMER_DATA is not set")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"INFORMER_DATA must name a folder, got {named}")
    return folder
