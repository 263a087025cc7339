"""The table `hours`: every hour of a cell as one row, so that long ranges can be drawn.

It holds nothing of its own: whoever writes traffic anew lets go of the hours that it covers
(`forget_hours`), and `roll_up` makes those that are missing.
"""

from informer.core.sql import read_sql
from informer.core.tables import HOURS
from informer.core.types import NS_PER_S
from informer.pipeline.workspace import Workspace

HOUR_NS = 3_600 * NS_PER_S
NOTE = "hours"  # until when they are rolled up, and until when tables are laid by pattern
MOST_HOURS = 6  # at once: who waits for the workspace does not wait long


def rolled_until_ns(home: Workspace) -> int:
    """End of the last hour that was rolled up; 0 when there is none."""
    return int(home.get(NOTE).get("until_ns", 0))


def roll_up(home: Workspace) -> bool:
    """Roll up some hours that are over, the oldest first; whether there are more."""
    found = home.engine.query(
        "select min(step_start_ns) as first, max(step_start_ns) as last from steps "
        "where step_start_ns >= $from_ns",
        from_ns=rolled_until_ns(home),
    ).to_pylist()[0]
    if found["first"] is None:
        return False
    first_ns = found["first"] - found["first"] % HOUR_NS
    until_ns = found["last"] + int(home.get("trained")["step_s"]) * NS_PER_S
    end_ns = min(first_ns + MOST_HOURS * HOUR_NS, until_ns - until_ns % HOUR_NS)
    if end_ns <= first_ns:
        return False
    with home.engine.transaction():
        home.engine.append(HOURS.name, HOURS.empty())  # workspaces of before have none
        home.engine.run(
            f"insert into {HOURS.name} by name " + read_sql("informer.pipeline", "hours"),
            from_ns=first_ns,
            until_ns=end_ns,
            hour_ns=HOUR_NS,
        )
        home.put(NOTE, home.get(NOTE) | {"until_ns": end_ns})
    return bool(end_ns + HOUR_NS <= until_ns)


def forget_hours(home: Workspace, from_ns: int) -> None:
    """Let go of what was rolled up from a time on, for the steps there are written anew."""
    if rolled_until_ns(home) <= from_ns:
        return
    from_ns -= from_ns % HOUR_NS
    home.engine.run(f"delete from {HOURS.name} where hour_start_ns >= $from_ns", from_ns=from_ns)
    laid = home.get(NOTE).get("laid", {})
    kept = {"laid": {table: min(laid_ns, from_ns) for table, laid_ns in laid.items()}}
    home.put(NOTE, kept | {"until_ns": from_ns})
