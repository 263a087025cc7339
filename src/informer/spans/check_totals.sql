-- one row: how much there is, from when to when, and how much of it is sampled
select
    count(*) as spans,
    count(distinct trace_id) as traces,
    count(distinct service) as services,
    min(start_ns) as from_ns,
    max(start_ns + duration_ns) as until_ns,
    count(*) filter (where weight > 1) as weighted,
    avg(weight) as mean_weight,
    count(*) filter (where kind in ('server', 'consumer', 'client', 'producer')) as with_kind
from spans
