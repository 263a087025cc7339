-- One row is a distinct span and, as `up_...`, the span it hangs below; cycles are not cut yet.
create or replace table linked_spans as
select
    s.trace_id, s.span_id, s.twin, s.service, s.operation, s.kind, s.peer, s.start_ns,
    s.duration_ns, s.failed, s.refused, s.weight, s.version, s.soft,
    coalesce(d.up_span_id, p.span_id) as up_span_id,
    coalesce(d.up_twin, p.twin) as up_twin,
    coalesce(d.up_service, p.service) as up_service,
    coalesce(d.up_kind, p.kind) as up_kind,
    coalesce(d.up_failed, p.failed, false) as up_failed,
    coalesce(d.up_refused, p.refused, false) as up_refused,
    coalesce(
        s.start_ns < coalesce(d.up_start_ns, p.start_ns)
        or (
            s.start_ns = coalesce(d.up_start_ns, p.start_ns)
            and s.duration_ns >= coalesce(d.up_duration_ns, p.duration_ns)
        ),
        false
    ) as uphill,
    s.link is not null and not s.soft and d.up_span_id is null and p.span_id is null as orphan
from distinct_spans as s
left join shared_parents as d
    on d.trace_id = s.trace_id and d.span_id = s.span_id and d.twin = s.twin
left join (select * from distinct_spans where not came_again) as p
    on
        p.trace_id = s.trace_id
        and p.span_id = case when d.span_id is null and s.link <> s.span_id then s.link end
