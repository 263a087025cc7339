-- One row is a distinct span; `twin` counts the spans that share an id, `link` is the id it names.
create or replace table distinct_spans as
with reported as (
    select
        trace_id,
        span_id,
        parent_span_id,
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
        case when kind = 'client' then regexp_matches(attributes, '[{,] *"db[.]') else false end
            as to_db
    from spans
),

unlike as (
    select
        *,
        row_number() over (
            partition by trace_id, span_id
            order by kind, service, start_ns, duration_ns
        ) as twin,
        count(*) over (partition by trace_id, span_id) as twins
    from (
        select
            r.*,
            row_number() over (
                partition by r.trace_id, r.span_id, r.kind, r.start_ns, r.duration_ns
                order by
                    r.parent_span_id nulls first,
                    r.service,
                    r.operation,
                    r.peer nulls first,
                    r.failed,
                    r.refused,
                    r.weight,
                    r.version nulls first,
                    r.to_db
            ) as copy
        from reported as r
        inner join repeated_ids as i on i.trace_id = r.trace_id and i.span_id = r.span_id
    ) as copies
    where copy = 1
)

select
    r.trace_id, r.span_id, 1 as twin, 1 as twins, r.link, r.soft, r.service, r.operation, r.kind,
    r.peer, r.start_ns, r.duration_ns, r.failed, r.refused, r.weight, r.version, r.to_db
from reported as r
left join repeated_ids as i on i.trace_id = r.trace_id and i.span_id = r.span_id
where i.span_id is null
union all
select
    trace_id, span_id, twin, twins, link, soft, service, operation, kind,
    peer, start_ns, duration_ns, failed, refused, weight, version, to_db
from unlike
