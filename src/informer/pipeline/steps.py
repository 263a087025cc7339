"""Steps of a workspace: how long one is, and until when they were looked at."""

from informer.core.types import NS_PER_S
from informer.pipeline.workspace import Workspace


def last_looked_ns(home: Workspace) -> int:
    """End of the last step that was looked at; 0 when there was none."""
    last = home.engine.query("select max(step_start_ns) as t from steps")["t"][0].as_py()
    return 0 if last is None else int(last) + step_ns_of(home)


def step_ns_of(home: Workspace) -> int:
    """Length of a step."""
    return int(home.get("trained")["step_s"]) * NS_PER_S
