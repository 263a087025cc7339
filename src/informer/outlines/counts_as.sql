-- One row is a kept trace and how many it stands for: the first of an outline for all of that.
create or replace table counts_as as
select
    k.trace_id,
    case when k.place = 1 then o.chains else 0 end as chains,
    case when k.place = 1 then o.chains_e6 else 0 end as chains_e6,
    case when k.place = 1 then o.failed_e6 else 0 end as failed_e6,
    o.first_ns,
    o.last_ns,
    k.sampled,
    k.place
from kept_traces as k
inner join (
    select
        outline_id,
        cast(sum(chains) as bigint) as chains,
        cast(sum(chains_e6) as bigint) as chains_e6,
        cast(sum(failed_e6) as bigint) as failed_e6,
        min(first_ns) as first_ns,
        max(last_ns) as last_ns
    from outline_steps
    group by outline_id
) as o on o.outline_id = k.outline_id
