"""The API keeps to its OpenAPI, whatever is asked: schemathesis against a real service."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from command import done
from informer.service.api.app import document
from running_service import Served, serving, with_serve_settings
from shop import Shop

TOKEN = "decider-0123456789"
AS_DECIDER = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 12


@pytest.fixture(scope="module")
def served(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("schema")
    workspace = Path(shutil.copytree(shop.workspace, folder / "workspace"))
    done("detect", shop.attacked, "-w", workspace)
    tokens = folder / "tokens"
    tokens.write_text(f"decide {TOKEN}\n")
    tokens.chmod(0o600)
    settings = f"api_tokens_file = {json.dumps(str(tokens))}\n"
    with serving(with_serve_settings(workspace, settings)) as running:
        yield running


SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.label)
def test_every_answer_is_as_the_openapi_says(
    served: Served,
    operation: schemathesis.APIOperation[Any, Any, Any, Any],
    mode: schemathesis.GenerationMode,
) -> None:
    base = f"http://127.0.0.1:{served.ports['health']}"

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=HealthCheck)
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=base, headers=AS_DECIDER)

    check()


def test_documents_that_are_there_are_as_the_openapi_says(served: Served) -> None:
    base = f"http://127.0.0.1:{served.ports['health']}/api/v1"

    def ask(path: str, operation: str, **query: str) -> Any:
        answer = httpx.get(f"{base}{path}", headers=AS_DECIDER, params=query)
        assert answer.status_code == 200
        SCHEMA[f"/api/v1{operation}"]["GET"].validate_response(answer)
        return answer.json()

    for incident in ask("/incidents", "/incidents"):
        path = f"/incidents/{incident['id']}"
        assert ask(path, "/incidents/{id}")["detections"]
        assert ask(f"{path}/example", "/incidents/{id}/example", trace=incident["examples"][0])
    for pattern in ask("/patterns", "/patterns"):
        path = f"/patterns/{pattern['id']}"
        assert ask(path, "/patterns/{id}")["versions"]
        for signal in ("calls", "failures", "refusals", "latency"):
            assert ask(f"{path}/series", "/patterns/{id}/series", signal=signal)["rpcs"]
    assert ask("/runs", "/runs")
    assert ask("/status", "/status")["version"]
