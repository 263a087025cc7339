-- One row is a pattern, an rpc and a step in which the rpc was called by a chain of the pattern.
-- A call counts in the step in which its chain began, so that the rpcs of one chain stay together.
-- Latency comes from a fixed histogram, eight buckets a doubling from 1 microsecond on.
create or replace table traffic_called as
with buckets as (
    select
        coalesce(m.pattern_id, '-1') as pattern_id,
        c.rpc_id,
        c.step_start_ns,
        c.bucket,
        sum(c.calls_e6) / 1000000 as calls,
        sum(c.failures_e6) / 1000000 as failures,
        sum(c.refusals_e6) / 1000000 as refusals
    from called as c
    left join members as m on m.shape_id = c.shape_id
    where c.step_start_ns >= $from_ns and c.step_start_ns < $until_ns
    group by 1, 2, 3, 4
),
ranked as (
    select
        *,
        sum(calls) over (partition by pattern_id, rpc_id, step_start_ns) as calls_in_cell,
        sum(calls) over (
            partition by pattern_id, rpc_id, step_start_ns order by bucket
        ) as calls_up_to
    from buckets
)
select
    pattern_id,
    rpc_id,
    step_start_ns,
    sum(calls) as calls,
    sum(failures) as failures,
    sum(refusals) as refusals,
    0.001 * power(2, (min(case when calls_up_to >= 0.50 * calls_in_cell then bucket end) + 0.5) / 8)
        as latency_p50_ms,
    0.001 * power(2, (min(case when calls_up_to >= 0.95 * calls_in_cell then bucket end) + 0.5) / 8)
        as latency_p95_ms,
    0.001 * power(2, (sum(calls * bucket) / sum(calls) + 0.5) / 8) as latency_mean_ms
from ranked
group by pattern_id, rpc_id, step_start_ns;
