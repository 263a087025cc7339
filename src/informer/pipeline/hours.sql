-- One row is an hour of a cell: pattern x rpc.
with covered as (
    select step_start_ns, step_start_ns - step_start_ns % $hour_ns as hour_start_ns
    from steps where seen and step_start_ns >= $from_ns and step_start_ns < $until_ns
),
lengths as (
    select hour_start_ns, count(*) as steps from covered group by hour_start_ns
),
counted as (
    select t.pattern_id, t.rpc_id, c.hour_start_ns, sum(t.calls) as calls,
        sum(t.failures) as failures, sum(t.refusals) as refusals,
        avg(t.latency_mean_ms) as latency_mean_ms
    from traffic as t inner join covered as c on c.step_start_ns = t.step_start_ns
    where t.step_start_ns >= $from_ns and t.step_start_ns < $until_ns
    group by t.pattern_id, t.rpc_id, c.hour_start_ns
),
foreseen as (
    select f.pattern_id, f.rpc_id, c.hour_start_ns, sum(f.expected) as expected,
        sum(f.expected + f.spread * f.expected * f.expected) as variance
    from forecasts as f inner join covered as c on c.step_start_ns = f.step_start_ns
    where f.signal = 'calls' and f.step_start_ns >= $from_ns and f.step_start_ns < $until_ns
    group by f.pattern_id, f.rpc_id, c.hour_start_ns
)
select coalesce(n.pattern_id, f.pattern_id) as pattern_id,
    coalesce(n.rpc_id, f.rpc_id) as rpc_id,
    h.hour_start_ns, cast(h.steps as double) as steps,
    coalesce(n.calls, 0) as calls, coalesce(n.failures, 0) as failures,
    coalesce(n.refusals, 0) as refusals, n.latency_mean_ms, f.expected, f.variance
from counted as n
full outer join foreseen as f
    on f.pattern_id = n.pattern_id and f.rpc_id = n.rpc_id and f.hour_start_ns = n.hour_start_ns
inner join lengths as h on h.hour_start_ns = coalesce(n.hour_start_ns, f.hour_start_ns)
