-- One row is a span of the `climbed_traces` that is no call, and what it hangs below.
-- It is `open` while that may be another silent span. `from_orphan`: at the top is an orphan.
create or replace table silent_spans as
select
    s.trace_id,
    s.span_id,
    s.twin,
    coalesce(h.up_span_id, s.up_span_id) as up_span_id,
    coalesce(h.up_twin, s.up_twin) as up_twin,
    s.up_span_id is not null as open,
    s.orphan as from_orphan
from cut_spans as s
left join calls as c
    on c.trace_id = s.trace_id and c.span_id = s.span_id and c.twin = s.twin
left join rehung_spans as h
    on h.trace_id = s.trace_id and h.span_id = s.span_id and h.twin = s.twin
where c.span_id is null and s.trace_id in (select trace_id from climbed_traces)
