-- One row is an outline in a step of the slice.
insert into outline_steps
select
    outline_id,
    step_start_ns,
    count(*),
    cast(sum(weight_e6) as bigint),
    sum((weight_e6 / 1000000) * (weight_e6 / 1000000)),
    cast(sum(case when failed then weight_e6 else 0 end) as bigint),
    min(start_ns),
    max(start_ns)
from outlined_traces
group by outline_id, step_start_ns
