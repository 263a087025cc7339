-- One row is a call with the names of its kind, before the rpc has an id.
create or replace table named_calls as
with answered as (
    select trace_id, up_span_id as span_id, up_twin as twin
    from cut_spans
    where
        up_kind in ('client', 'producer')
        and (
            kind in ('server', 'consumer')
            or (kind in ('client', 'producer') and service = up_service)
        )
),

unanswered as (
    select s.*
    from cut_spans as s
    left join answered as a
        on a.trace_id = s.trace_id and a.span_id = s.span_id and a.twin = s.twin
    where s.kind in ('client', 'producer') and a.span_id is null
),

instrumented as (
    select service from cut_spans where kind in ('server', 'consumer')
    union
    select callee as service from rpcs where kind = 'rpc'
),

-- Traces of which no span has a kind; nearly every span of most traces has one.
without_kinds as (
    select trace_id
    from cut_spans
    where
        trace_id in (
            select trace_id
            from cut_spans
            where kind not in ('server', 'consumer', 'client', 'producer')
        )
    group by trace_id
    having max(case when kind in ('server', 'consumer', 'client', 'producer') then 1 else 0 end) = 0
),

told as (
    select
        s.*,
        coalesce(
            s.up_service, s.peer, case when s.orphan then 'unknown' else 'outside' end
        ) as caller,
        s.service as callee,
        case when s.kind = 'consumer' then 'messaging' else 'rpc' end as call_kind,
        coalesce(s.up_kind in ('client', 'producer'), false) as has_caller_span
    from cut_spans as s
    where
        s.kind in ('server', 'consumer')
        and (
            s.up_span_id is null
            or s.up_kind not in ('server', 'consumer')
            or s.up_service <> s.service
        )
    union all
    select
        s.*,
        s.service as caller,
        coalesce(s.peer, 'unknown') as callee,
        case
            when s.kind = 'producer' then 'messaging'
            when d.attributes like '%"db.%' and regexp_matches(d.attributes, '[{,] *"db[.]')
                then 'db'
            when i.service is not null then 'rpc'
            else 'external'
        end as call_kind,
        coalesce(s.up_kind in ('client', 'producer') and s.up_service = s.service, false)
            as has_caller_span
    from unanswered as s
    inner join distinct_spans as d
        on d.trace_id = s.trace_id and d.span_id = s.span_id and d.twin = s.twin
    left join instrumented as i on i.service = s.peer
    union all
    select
        s.*,
        coalesce(
            s.up_service, s.peer, case when s.orphan then 'unknown' else 'outside' end
        ) as caller,
        s.service as callee,
        'rpc' as call_kind,
        false as has_caller_span
    from cut_spans as s
    inner join without_kinds as k on k.trace_id = s.trace_id
    where s.up_span_id is null or s.up_service <> s.service
)

select
    c.trace_id,
    c.span_id,
    c.twin,
    c.caller,
    c.callee,
    coalesce(a.method, m.method, c.operation) as method,
    c.call_kind as kind,
    c.start_ns,
    c.duration_ns,
    c.failed or (c.has_caller_span and c.up_failed) as failed,
    c.refused or (c.has_caller_span and c.up_refused) as refused,
    c.weight,
    case when c.kind in ('client', 'producer') then null else c.version end as version,
    c.up_span_id is null and not c.orphan as root,
    c.orphan,
    c.up_span_id,
    c.up_twin
from told as c
left join methods as m on m.service = c.service and m.operation = c.operation
left join methods as a
    on a.service = c.callee and a.operation = c.operation and c.kind = 'client' and c.call_kind = 'rpc'
