-- One row is an outline in a step.
insert into outline_steps
select
    coalesce(o.outline_id, 0) as outline_id,
    s.step_start_ns,
    cast(sum(s.chains) as bigint),
    cast(sum(s.chains_e6) as bigint),
    sum(s.squares),
    cast(sum(s.failed_e6) as bigint),
    min(s.first_ns),
    max(s.last_ns)
from part_steps as s
left join outline_places as o on o.part = s.part and o.there = s.outline_id
group by coalesce(o.outline_id, 0), s.step_start_ns
