-- One row is a row of `call_depths`, counted on past the call above it.
create or replace table deeper_calls as
select
    a.trace_id,
    a.span_id,
    a.twin,
    a.rpc_id,
    b.up_span_id,
    b.up_twin,
    a.depth + coalesce(b.depth, 0) as depth
from call_depths as a
left join call_depths as b
    on b.trace_id = a.trace_id and b.span_id = a.up_span_id and b.twin = a.up_twin
