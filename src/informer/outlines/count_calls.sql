-- One row is a link in a step of the slice, by outline, version and latency bucket.
insert into outline_calls
select
    t.outline_id,
    c.link_id,
    c.version,
    t.step_start_ns,
    c.bucket,
    cast(sum(c.weight_e6) as bigint),
    cast(sum(case when c.failed then c.weight_e6 else 0 end) as bigint),
    cast(sum(case when c.refused then c.weight_e6 else 0 end) as bigint)
from coded_lines as c
inner join outlined_traces as t on t.trace = c.trace
where t.outline_id > 0
group by all
