-- One row is a row of `ascents`, led past a span that is no call to what is known above that span.
create or replace table higher_ascents as
select
    a.trace_id,
    a.span_id,
    a.twin,
    a.rpc_id,
    a.start_ns,
    case when b.span_id is null then a.up_span_id else b.up_span_id end as up_span_id,
    case when b.span_id is null then a.up_twin else b.up_twin end as up_twin,
    case when b.span_id is null then a.up_rpc_id else b.up_rpc_id end as up_rpc_id,
    case when b.span_id is null then a.from_orphan else b.from_orphan end as from_orphan
from ascents as a
left join ascents as b
    on
        b.trace_id = a.trace_id
        and b.span_id = a.up_span_id
        and b.twin = a.up_twin
        and b.rpc_id is null
