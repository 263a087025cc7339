"""Whether a service runs on a workspace, and where it is reached."""

import socket
from pathlib import Path

SOCKET = "serve.sock"  # in the workspace, or where PLACE says
PLACE = "serving"  # in the workspace: the path of the socket
SOON_S = 2.0


def socket_of(workspace: Path) -> Path | None:
    """The socket of the service that runs on a workspace; None when there is none.

    What a service left that was killed does not count: somebody has to listen.
    """
    try:
        place = (workspace / PLACE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(SOON_S)
        try:
            probe.connect(place)
        except (OSError, ValueError):
            return None
    return Path(place)
