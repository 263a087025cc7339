"""Files that the process may have open: a connection takes one, and so does every table on disk.

Where none is left the engine ends the whole process, so that connections have to leave some.
"""

import resource

from informer.core.errors import InformerError
from informer.service.limits import MOST_CONNECTIONS, MOST_GRPC_CONNECTIONS

WEB_SERVERS = 3  # HTTP, web and the socket
OTHERS = 512  # the spool, tables, logs that are followed, sinks
NEEDED = WEB_SERVERS * MOST_CONNECTIONS + MOST_GRPC_CONNECTIONS + OTHERS


def allow_files() -> None:
    """Raise what the process allows itself to what it needs.

    Errors: InformerError where the system allows less.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _at_least(soft):
        return
    if not _at_least(hard):
        raise InformerError(
            f"`informer serve` must be allowed to open {NEEDED} files, got {hard}: raise the hard "
            "limit (ulimit -Hn, LimitNOFILE)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED, hard))


def _at_least(limit: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= NEEDED
