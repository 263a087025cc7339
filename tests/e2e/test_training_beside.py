"""A decision whose models are trained beside comes to what it comes to when they are not."""

import hashlib
import shutil
from pathlib import Path

import pytest

from command import done
from informer.core.errors import InformerError
from informer.pipeline.audit import Decider
from informer.pipeline.decide import accept_incident, accept_pattern
from informer.pipeline.steps import last_looked_ns
from informer.pipeline.training import ToTrainError, Trained, Training
from informer.pipeline.workspace import Workspace
from shop import Shop

BY = Decider("on-call")


@pytest.fixture
def attacked(shop: Shop, own_workspace: Path) -> Path:
    """A workspace with incidents."""
    done("detect", shop.attacked, "-w", own_workspace)
    return own_workspace


def models(workspace: Path) -> dict[str, str]:
    """Every model file and its content's hash."""
    return {
        str(p.relative_to(workspace)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in (workspace / "models").rglob("*")
        if p.is_file()
    }


def test_the_models_are_the_same_and_nothing_is_kept_before_they_are_there(
    attacked: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(attacked, tmp_path / "other"))
    incidents = done("incidents", "list", "-w", attacked, "--json").json
    (one,) = [i["id"] for i in incidents if i["kind"] == "refusal"]
    before = models(attacked)
    with Workspace.open(attacked) as home:
        trained = Trained()
        training = Training(last_looked_ns(home), trained.runner)
        with pytest.raises(ToTrainError) as needed:
            accept_incident(home, one, BY, training)
        assert models(attacked) == before
        assert home.table("audit").num_rows == 0
        trained.train(needed.value.tasks)
        beside = accept_incident(home, one, BY, training)
        assert [row["outcome"] for row in home.table("audit").to_pylist()] == ["done"]
    here = accept_incident(other, one, BY)
    assert beside.models == here.models != {}
    assert models(attacked) == models(other) != before


def test_accepting_a_pattern_is_about_what_was_there_when_somebody_accepted_it(
    attacked: Path,
) -> None:
    incidents = done("incidents", "list", "-w", attacked, "--json").json
    (one,) = [i for i in incidents if i["kind"] == "refusal"]
    with Workspace.open(attacked) as home:
        accept_pattern(home, one["patterns"][0]["id"], BY, Training(one["opened_ns"]))
        verdicts = {i["incident_id"]: i["verdict"] for i in home.table("incidents").to_pylist()}
    assert verdicts[one["id"]] == "open"


def test_a_training_that_failed_ends_the_decision_and_is_audited(attacked: Path) -> None:
    incidents = done("incidents", "list", "-w", attacked, "--json").json
    (one,) = [i["id"] for i in incidents if i["kind"] == "refusal"]
    failed = Trained(errors=[InformerError("the process that fitted it died")])
    with Workspace.open(attacked) as home:
        with pytest.raises(InformerError, match="died"):
            accept_incident(home, one, BY, Training(runner=failed.runner))
        (line,) = home.table("audit").to_pylist()
    assert (line["outcome"], line["why"]) == ("refused", "the process that fitted it died")
