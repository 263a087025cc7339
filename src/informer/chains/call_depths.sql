-- One row is a call of the `climbed_traces`, how many calls lie above it up to `up_...`.
create or replace table call_depths as
select
    trace_id, span_id, twin, rpc_id, up_span_id, up_twin,
    case when up_span_id is null then 0 else 1 end as depth
from call_parents
