-- One row is a call of the `climbed_traces` and, as `up_...`, its parent call; null = a top call.
create or replace table call_parents as
select
    c.trace_id,
    c.span_id,
    c.twin,
    c.rpc_id,
    c.start_ns,
    case
        when h.span_id is not null then h.up_span_id
        when s.span_id is not null then s.up_span_id
        else c.up_span_id
    end as up_span_id,
    case
        when h.span_id is not null then h.up_twin
        when s.span_id is not null then s.up_twin
        else c.up_twin
    end as up_twin,
    coalesce(s.from_orphan, c.orphan) as from_orphan
from calls as c
left join rehung_spans as h
    on h.trace_id = c.trace_id and h.span_id = c.span_id and h.twin = c.twin
left join silent_spans as s
    on s.trace_id = c.trace_id and s.span_id = c.up_span_id and s.twin = c.up_twin
where c.trace_id in (select trace_id from climbed_traces)
