-- One row is a distinct span and the span it hangs below; what begins a trace below a remote parent
-- is a root.
create or replace view cut_spans as
select
    s.trace_id, s.span_id, s.twin, s.service, s.operation, s.kind, s.peer, s.start_ns,
    s.duration_ns, s.failed, s.refused, s.weight, s.version, s.up_span_id, s.up_twin,
    s.up_service, s.up_kind, s.up_failed, s.up_refused,
    s.orphan and r.span_id is null as orphan
from acyclic_spans as s
left join (
    select h.trace_id, h.span_id, h.twin
    from remote_heads as h
    inner join remote_entries as e on e.service = h.service and e.method = h.method
) as r on r.trace_id = s.trace_id and r.span_id = s.span_id and r.twin = s.twin
