-- One row is a chain: the calls of one trace, the shape they have and when they began.
create or replace table chains as
select
    t.trace_id,
    s.shape_id,
    t.entry_rpc_id,
    t.start_ns,
    t.weight,
    t.calls,
    t.partial,
    t.failed
from trace_signatures as t
inner join signature_shapes as s
    on
        s.code_sum = t.code_sum
        and s.lost_sum = t.lost_sum
        and s.calls = t.calls
        and s.entry_rpc_id = t.entry_rpc_id
        and s.partial = t.partial
