-- One row is a pattern, an rpc and a step in which the rpc was called by a chain of the pattern.
-- A call counts in the step in which its chain began, so that the rpcs of one chain stay together.
-- Latency comes from a fixed histogram, eight buckets a doubling from 1 microsecond on.
create or replace table traffic_called as
with buckets as (
    select
        coalesce(m.pattern_id, '-1') as pattern_id,
        c.rpc_id,
        h.start_ns - h.start_ns % $step_ns as step_start_ns,
        cast(floor(ln(greatest(c.duration_ns, 1000) / 1000.0) / ln(2) * 8) as integer) as bucket,
        sum(c.weight) as calls,
        sum(case when c.failed then c.weight else 0 end) as failures,
        sum(case when c.refused then c.weight else 0 end) as refusals
    from calls as c
    join chains as h on h.trace_id = c.trace_id
    left join members as m on m.shape_id = h.shape_id
    where h.start_ns >= $from_ns and h.start_ns < $until_ns
    group by 1, 2, 3, 4
),
ranked as (
    select
        *,
        sum(calls) over cell as calls_in_cell,
        sum(calls) over (cell order by bucket) as calls_up_to
    from buckets
    window cell as (partition by pattern_id, rpc_id, step_start_ns)
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
