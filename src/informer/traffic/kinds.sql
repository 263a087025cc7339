-- One row is a kind of call and where it counts: its pattern, its rpc, and the workload that answers.
select
    k.call_kind,
    coalesce(m.pattern_id, '-1') as pattern_id,
    k.rpc_id,
    r.callee as service,
    k.version
from call_kinds as k
left join members as m on m.shape_id = k.shape_id
left join rpcs as r on r.rpc_id = k.rpc_id
