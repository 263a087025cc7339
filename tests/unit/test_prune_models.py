"""Models that nobody comes back to go, with their runs and facts; what is stood on stays."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.tables import MODEL_FACTS
from informer.core.types import Json, Model
from informer.forecasts.seasonal import Seasonal
from informer.forecasts.store import kept_versions, save_model, versions
from informer.pipeline.accepts import Accept, keep_accept
from informer.pipeline.let_pass import versions_let_pass
from informer.pipeline.prune_models import prune_models
from informer.pipeline.runs import add_run, kept_models_of_runs, next_run_id, put_in_force
from informer.pipeline.workspace import Workspace
from pattern_traffic import DAY, STEP_S, traffic_of

KEPT = 3


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as made:
        made.put("trained", {"start_ns": 0, "end_ns": STEP_S * 10**9, "step_s": STEP_S})
        yield made


def model_of(days: int) -> Model:
    """One that knows a week from a fortnight on."""
    return Seasonal().fit(traffic_of("p", {"in": np.full(days * DAY, 20.0)}).series, seed=0)


YOUNG, OLD = model_of(2), model_of(15)


def learned(home: Workspace, pattern_id: str, model: Model = YOUNG) -> str:
    """The next version of a pattern, put in force by a run of its own."""
    version = save_model(model, home.models / pattern_id)
    row: Json = {"pattern_id": pattern_id, "version": version, "rates": "{}", "inflation": "{}"}
    home.engine.append("model_facts", MODEL_FACTS.of([row]))
    if home.table("runs").num_rows:
        put_in_force(home, {pattern_id: version}, {}, 1)
    else:
        add_run(home, next_run_id(home, 1), (0, 1), {}, {pattern_id: version})
    return version


def runs(home: Workspace) -> list[str]:
    return [r.partition("-")[0] for r in sorted(home.table("runs")["run_id"].to_pylist())]


def facts(home: Workspace) -> set[tuple[str, str]]:
    return {(r["pattern_id"], r["version"]) for r in home.table("model_facts").to_pylist()}


def test_the_newest_versions_stay_with_their_runs_and_facts(home: Workspace) -> None:
    for _ in range(5):
        learned(home, "p")
        learned(home, "q")
    assert prune_models(home, KEPT) == {"models": 4, "runs": 4}
    stay = ["0003", "0004", "0005"]
    assert kept_versions(home.models) == {"p": stay, "q": stay}
    assert facts(home) == {(p, v) for p in "pq" for v in stay}
    assert runs(home) == ["000005", "000006", "000007", "000008", "000009", "000010"]
    assert prune_models(home, KEPT) == {}


def test_a_pattern_that_learns_seldom_keeps_the_run_that_put_its_model_in_force(
    home: Workspace,
) -> None:
    learned(home, "seldom")
    for _ in range(5):
        learned(home, "p")
    assert prune_models(home, KEPT) == {"models": 2, "runs": 2}
    assert runs(home) == ["000001", "000004", "000005", "000006"]
    assert kept_models_of_runs(home)[0] == {"seldom": "0001"}
    assert kept_models_of_runs(home)[-1] == {"seldom": "0001", "p": "0005"}


def test_a_version_that_a_person_went_back_to_stays(home: Workspace) -> None:
    for _ in range(6):
        learned(home, "p")
    put_in_force(home, {"p": "0002"}, {})
    prune_models(home, KEPT)
    assert versions(home.models / "p") == ["0002", "0004", "0005", "0006"]


def test_what_accepts_stand_on_stays(home: Workspace) -> None:
    for _ in range(7):
        learned(home, "p")
    keep_accept(home, Accept("p", "0003", "0002", 0, 1))
    prune_models(home, KEPT)
    assert versions(home.models / "p") == ["0002", "0003", "0005", "0006", "0007"]


def test_what_the_cap_on_drift_stands_on_stays_however_often_is_pruned(home: Workspace) -> None:
    learned(home, "p")
    learned(home, "p", OLD)  # the first that knows a week
    for _ in range(5):
        learned(home, "p", OLD)
        prune_models(home, 2)
        assert versions_let_pass(home, STEP_S) == {"p": "0002"}
    assert versions(home.models / "p") == ["0002", "0006", "0007"]


def test_of_a_pattern_that_is_no_more_the_newest_stay(home: Workspace) -> None:
    for _ in range(5):
        learned(home, "gone")
    learned(home, "p")
    add_run(home, next_run_id(home, 2), (0, 2), {}, {"p": "0001"})
    prune_models(home, KEPT)
    assert kept_versions(home.models) == {"gone": ["0003", "0004", "0005"], "p": ["0001"]}


def test_what_a_kill_left_in_part_is_swept_up(home: Workspace) -> None:
    for _ in range(4):
        learned(home, "p")
    (home.models / "notes.txt").write_text("none of ours")
    cut_off = home.models / "p" / ".0000"
    cut_off.mkdir()
    (cut_off / "model.json").write_text("{")
    prune_models(home, KEPT)
    assert sorted(path.name for path in (home.models / "p").iterdir()) == ["0002", "0003", "0004"]


def test_a_prune_that_was_stopped_before_the_folders_went_is_finished_by_the_next(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        learned(home, "p")
    with monkeypatch.context() as stopped:
        stopped.setattr("informer.pipeline.prune_models.forget_versions", _stop)
        with pytest.raises(InformerError):
            prune_models(home, KEPT)
    assert runs(home) == ["000003", "000004", "000005"]
    assert prune_models(home, KEPT) == {"models": 2}
    assert versions(home.models / "p") == ["0003", "0004", "0005"]


def _stop(*_: object) -> None:
    raise InformerError("stopped")


@pytest.mark.parametrize("newest", [0, KEPT])
def test_nothing_goes_that_was_not_asked_for(home: Workspace, newest: int) -> None:
    assert prune_models(home, newest) == {}  # nothing learned yet
    for _ in range(KEPT if newest else 9):
        learned(home, "p")
    assert prune_models(home, newest) == {}
