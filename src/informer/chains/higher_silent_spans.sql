-- One row is a row of `silent_spans`; an open one is led to what is above the silent span above it.
create or replace table higher_silent_spans as
select trace_id, span_id, twin, up_span_id, up_twin, open, from_orphan
from silent_spans
where not open
union all
select
    a.trace_id,
    a.span_id,
    a.twin,
    case when b.span_id is null then a.up_span_id else b.up_span_id end as up_span_id,
    case when b.span_id is null then a.up_twin else b.up_twin end as up_twin,
    coalesce(b.open, false) as open,
    coalesce(b.from_orphan, false) as from_orphan
from silent_spans as a
left join silent_spans as b
    on b.trace_id = a.trace_id and b.span_id = a.up_span_id and b.twin = a.up_twin
where a.open
