-- One row is a chain: the order-independent sums that stand for its rpcs and for those that hang below
-- a lost span, its entry and its start. Chains that lost other spans make the same calls in other trees.
create or replace table trace_signatures as
with top_calls as (
    select trace_id, rpc_id, start_ns, orphan
    from calls
    where root or orphan
    union all
    select trace_id, rpc_id, start_ns, from_orphan as orphan
    from call_parents
    where up_span_id is null
),

entries as (
    select trace_id, rpc_id, start_ns
    from (
        select
            trace_id,
            rpc_id,
            start_ns,
            row_number() over (partition by trace_id order by orphan, rpc_id, start_ns) as nth
        from top_calls
    ) as ranked
    where nth = 1
),

sums as (
    select
        c.trace_id,
        cast(sum(r.code) as bigint) as code_sum,
        cast(sum(case when c.orphan then r.code else 0 end) as bigint) as lost_sum,
        count(*) as calls,
        max(case when c.orphan then 1 else 0 end) as broken,
        max(case when c.failed then 1 else 0 end) as failed,
        max(c.weight) as weight
    from calls as c
    inner join rpcs as r on r.rpc_id = c.rpc_id
    group by c.trace_id
),

-- Where a span without parent is no call, a call below it may be what hangs below a lost span.
headless_sums as (
    select
        p.trace_id,
        cast(sum(case when p.from_orphan then r.code else 0 end) as bigint) as lost_sum
    from call_parents as p
    inner join rpcs as r on r.rpc_id = p.rpc_id
    where p.up_span_id is null
    group by p.trace_id
)

select
    s.trace_id,
    s.code_sum,
    coalesce(l.lost_sum, s.lost_sum) as lost_sum,
    s.calls,
    e.rpc_id as entry_rpc_id,
    s.broken + coalesce(h.broken, 0) > 0 as partial,
    s.failed = 1 as failed,
    e.start_ns,
    s.weight
from sums as s
inner join entries as e on e.trace_id = s.trace_id
left join headless_traces as h on h.trace_id = s.trace_id
left join headless_sums as l on l.trace_id = s.trace_id
