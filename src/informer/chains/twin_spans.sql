-- One row is a distinct span whose id came more than once; `twin` counts those that share the id.
-- Of copies that disagree the smallest is taken, so that it does not matter which came first.
create or replace table twin_spans as
select
    trace_id, span_id, parent_span_id, service, operation, kind, peer, start_ns, duration_ns,
    failed, refused, weight, version, attributes,
    row_number() over (
        partition by trace_id, span_id order by kind, service, start_ns, duration_ns
    ) as twin
from (
    select
        s.*,
        row_number() over (
            partition by s.trace_id, s.span_id, s.kind, s.start_ns, s.duration_ns
            order by
                s.parent_span_id nulls first,
                s.service,
                s.operation,
                s.peer nulls first,
                s.failed,
                s.refused,
                s.weight,
                s.version nulls first,
                s.attributes
        ) as copy
    from spans as s
    inner join repeated_ids as i on i.trace_id = s.trace_id and i.span_id = s.span_id
) as copies
where copy = 1
