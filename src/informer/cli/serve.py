"""`informer serve`."""

import logging
from pathlib import Path

import pyarrow as pa

from informer.cli.show import printable, say
from informer.core.errors import InformerError
from informer.core.types import Json

log = logging.getLogger(__name__)


class Teller:
    """Says once that an incident opened, and once that it is over."""

    def __init__(self) -> None:
        self._told: set[tuple[str, bool]] = set()

    def __call__(self, incidents: pa.Table, note: Json) -> None:
        """The incidents of a look."""
        for row in incidents.to_pylist():
            over = row["resolved_ns"] is not None
            told = {(row["incident_id"], False), (row["incident_id"], over)} - self._told
            self._told |= told
            for _, was_over in sorted(told):
                log.warning(
                    "incident %s %s: %s (%s, score %.1f)",
                    row["incident_id"],
                    "is over" if was_over else "opened",
                    printable(row["title"]),
                    row["severity"],
                    row["score"],
                )


def run_serve(workspace: Path, *, insecure: bool) -> None:
    """Serve until a signal ends it."""
    try:
        from informer.service.serve import Ports, serve
    except ImportError as error:
        raise InformerError(
            f"serve needs what `pip install 'rpc-informer[serve]'` brings, {error.name} is missing"
        ) from error
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)

    def ready(ports: Ports) -> None:
        told = {"OTLP/gRPC": ports.grpc, "OTLP/HTTP": ports.http, "health and metrics": ports.web}
        for what, port in told.items():
            if port is not None:
                say(f"{what} on port {port}")

    serve(workspace, insecure=insecure, ready=ready, tell=Teller())
