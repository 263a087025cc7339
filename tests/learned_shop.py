"""A small shop that was learned once, for every test of the command to look at."""

import shutil
from pathlib import Path

import pytest

from shop import ATTACK, DAYS, NEWS, Shop, learn
from traffic_maker import DAY_STEPS, MONDAY_NS, STEP_NS, make_spans, write_spans


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Three days of a small shop, learned, and the day after."""
    folder = tmp_path_factory.mktemp("shop")
    steps = DAYS * DAY_STEPS
    made = Shop(
        write_spans(folder / "train.parquet", make_spans(0, steps, seed=1)),
        write_spans(
            folder / "attacked.parquet",
            make_spans(steps, DAY_STEPS, seed=2, events=[ATTACK, NEWS]),
        ),
        write_spans(folder / "clean.parquet", make_spans(steps, DAY_STEPS, seed=2)),
        folder / "workspace",
        MONDAY_NS + steps * STEP_NS,
    )
    learn(made.train, made.workspace)
    return made


@pytest.fixture
def own_workspace(shop: Shop, tmp_path: Path) -> Path:
    """A copy of the learned workspace, to change."""
    return Path(shutil.copytree(shop.workspace, tmp_path / "workspace"))
