-- One row is a distinct span and the span it hangs below; one in a cycle hangs below none.
-- `lost`: it names a parent that nobody exported.
create or replace view acyclic_spans as
select
    s.trace_id, s.span_id, s.twin, s.service, s.operation, s.kind, s.peer, s.start_ns,
    s.duration_ns, s.failed, s.refused, s.weight, s.version,
    case when c.span_id is null then s.up_span_id end as up_span_id,
    case when c.span_id is null then s.up_twin end as up_twin,
    case when c.span_id is null then s.up_service end as up_service,
    case when c.span_id is null then s.up_kind end as up_kind,
    s.up_failed,
    s.up_refused,
    s.orphan as lost,
    s.orphan or (c.span_id is not null and not s.soft) as orphan
from linked_spans as s
left join (select distinct trace_id, up_span_id as span_id, up_twin as twin from uphill_links) as c
    on c.trace_id = s.trace_id and c.span_id = s.span_id and c.twin = s.twin
