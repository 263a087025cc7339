-- One row is a span of the `climbed_traces` and the nearest span above it that may be a call.
-- `rpc_id` is null where the span is no call, `up_rpc_id` where the one above is none yet.
create or replace table ascents as
with spans_here as (
    select
        s.trace_id, s.span_id, s.twin, s.service, s.kind, s.start_ns, s.duration_ns,
        s.up_span_id, s.up_twin, s.up_service, s.up_kind, s.orphan
    from cut_spans as s
    inner join climbed_traces as t on t.trace_id = s.trace_id
),

-- A proxy's caller sends one context to proxy and application alike: what the application does
-- below that context hangs below the proxy's serving span, its brother.
brothers as (
    select
        trace_id, up_span_id, up_twin, service, span_id, twin,
        row_number() over (
            partition by trace_id, up_span_id, up_twin, service
            order by kind, start_ns, duration_ns, span_id
        ) as nth
    from spans_here
    where kind in ('server', 'consumer') and up_kind in ('client', 'producer')
),

hung as (
    select
        s.trace_id, s.span_id, s.twin, s.start_ns, s.orphan,
        coalesce(b.span_id, s.up_span_id) as up_span_id,
        coalesce(b.twin, s.up_twin) as up_twin
    from spans_here as s
    left join brothers as b
        on
            b.trace_id = s.trace_id
            and b.up_span_id = s.up_span_id
            and b.up_twin = s.up_twin
            and b.service = s.service
            and b.nth = 1
            and s.kind not in ('server', 'consumer')
            and s.up_service <> s.service
)

select
    s.trace_id,
    s.span_id,
    s.twin,
    c.rpc_id,
    s.start_ns,
    s.up_span_id,
    s.up_twin,
    p.rpc_id as up_rpc_id,
    s.orphan as from_orphan
from hung as s
left join calls as c
    on c.trace_id = s.trace_id and c.span_id = s.span_id and c.twin = s.twin
left join calls as p
    on p.trace_id = s.trace_id and p.span_id = s.up_span_id and p.twin = s.up_twin
