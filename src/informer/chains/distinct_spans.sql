-- One row is a distinct span; `twin` counts those that share an id, `link` is the id that it hangs below.
create or replace view distinct_spans as
select
    trace_id,
    span_id,
    twin,
    came_again,
    case when parent_span_id like '?%' then substr(parent_span_id, 2) else parent_span_id end
        as link,
    coalesce(parent_span_id like '?%', false) as soft,
    service,
    operation,
    kind,
    nullif(peer, '') as peer,
    start_ns,
    duration_ns,
    failed,
    refused,
    weight,
    version,
    attributes
from (
    select
        s.trace_id, s.span_id, s.parent_span_id, s.service, s.operation, s.kind, s.peer,
        s.start_ns, s.duration_ns, s.failed, s.refused, s.weight, s.version, s.attributes,
        1 as twin, false as came_again
    from spans as s
    left join repeated_ids as i on i.trace_id = s.trace_id and i.span_id = s.span_id
    where i.span_id is null
    union all
    select
        trace_id, span_id, parent_span_id, service, operation, kind, peer, start_ns, duration_ns,
        failed, refused, weight, version, attributes, twin, true as came_again
    from twin_spans
) as s
