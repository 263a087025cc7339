-- one row is a stretch of time without a span, far longer than the pauses that are usual here
with seconds as (
    select distinct start_ns // 1000000000 as second from spans
),
pauses as (
    select second, second - lag(second) over (order by second) as pause from seconds
),
usual as (
    select greatest(60, 10 * quantile_cont(pause, 0.99)) as longest from pauses
)
select (second - pause) * 1000000000 as from_ns, second * 1000000000 as until_ns
from pauses, usual
where pause > longest
order by from_ns
