"""`informer serve`."""

import logging
import os
from pathlib import Path

from informer.cli.reach import refuse_served
from informer.cli.show import say
from informer.core.errors import InformerError


def run_serve(workspace: Path, *, insecure: bool) -> None:
    """Serve until a signal ends it."""
    refuse_served(workspace, "stop it first")
    # What gRPC itself would print of a port that is taken is told in a line of ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from informer.service.serve import serve
        from informer.service.servers import Ports
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

    serve(workspace, insecure=insecure, ready=ready)
