-- one row: how much there is, from when to when, how much of it is alone and how much is sampled
select
    count(*) as spans,
    count(distinct trace_id) as traces,
    count(distinct service) as services,
    min(start_ns) as from_ns,
    max(start_ns + duration_ns) as until_ns,
    count(*) filter (where weight > 1) as weighted,
    avg(weight) as mean_weight,
    (
        select count(*)
        from (select trace_id from spans group by trace_id having count(*) = 1)
    ) as lone_traces,
    count(*) filter (where kind in ('server', 'consumer', 'client', 'producer')) as with_kind,
    count(*) filter (where duration_ns > 0) as with_duration,
    count(*) filter (where failed or refused or status_code is not null) as with_outcome
from spans
