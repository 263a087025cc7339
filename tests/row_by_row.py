"""What every row says told by itself: the plain way, against which the quick one is held."""

from importlib.resources import files

from informer.core.tables import SPANS
from informer.spans.meanings import OF_RESOURCE, OF_SPAN, attribute, extracted, quoted
from informer.spans.shown import bounded, name


def row_by_row(correlate: str | None, wanted: str) -> str:
    """SQL over `received_spans`: the columns of `spans`, and why a row is rejected (`reason`)."""
    read_span, of_span = extracted("attributes", OF_SPAN)
    read_resource, of_resource = extracted("resource", OF_RESOURCE)
    source, reason = "select * from received_spans", "reason"
    if correlate is not None:
        source = f"select * replace ({attribute(correlate)} as trace_id) from received_spans"
        missing = quoted(f"missing_{correlate}")
        reason = f"if(reason = 'missing_trace_id', {missing}, reason)"
    made = {
        "status_code": "code",
        "failed": "is_failed and not is_refused",
        "refused": "is_refused",
        "attributes": bounded(),
        **{column: name(column) for column in ("service", "operation", "peer", "version", "scope")},
    }
    shown = ", ".join(f"{made.get(name, name)} as {name}" for name in SPANS.names)
    return f"""
with read as (select *, {read_span}, {read_resource} from ({source})),
said as (select *, {", ".join(of_span + of_resource)} from read),
{files("informer.spans").joinpath("spans.sql").read_text(encoding="utf-8")},
shown as (select {shown}, {reason} as reason,
    attributes as all_attributes, resource as all_resource from kept)
select {", ".join(SPANS.names)}, reason
from shown where ({wanted}) or reason in ('unreadable', 'missing_time')
"""
