-- One row is a distinct span and, as `up_...`, the span it hangs below; cycles are not cut yet.
create or replace table linked_spans as
with decided as (
    select s.*, s.link as up_span_id, 1 as up_twin
    from distinct_spans as s
    left join shared_parents as d
        on d.trace_id = s.trace_id and d.span_id = s.span_id and d.twin = s.twin
    where d.span_id is null
    union all
    select s.*, d.up_span_id, d.up_twin
    from distinct_spans as s
    inner join shared_parents as d
        on d.trace_id = s.trace_id and d.span_id = s.span_id and d.twin = s.twin
)

select
    s.trace_id, s.span_id, s.twin, s.service, s.operation, s.kind, s.peer, s.start_ns,
    s.duration_ns, s.failed, s.refused, s.weight, s.version, s.to_db,
    p.span_id as up_span_id,
    p.twin as up_twin,
    p.service as up_service,
    p.kind as up_kind,
    coalesce(p.failed, false) as up_failed,
    coalesce(p.refused, false) as up_refused,
    p.start_ns as up_start_ns,
    p.duration_ns as up_duration_ns,
    p.span_id is null and s.link is not null and not s.soft as orphan
from decided as s
left join distinct_spans as p
    on
        p.trace_id = s.trace_id
        and p.span_id = s.up_span_id
        and p.twin = s.up_twin
        and (p.span_id <> s.span_id or p.twin <> s.twin)
