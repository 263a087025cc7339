-- One row is a call: a caller's request to a callee.
create or replace table calls as
select
    c.trace_id,
    c.span_id,
    c.twin,
    r.rpc_id,
    c.caller,
    c.callee,
    c.method,
    c.kind,
    c.start_ns,
    c.duration_ns,
    c.failed,
    c.refused,
    c.weight,
    c.version,
    c.root,
    c.orphan,
    c.up_span_id,
    c.up_twin
from named_calls as c
inner join rpcs as r
    on
        r.caller = c.caller
        and r.callee = c.callee
        and r.method = c.method
        and r.kind = c.kind
