-- One row is a link in a step of the slice, by outline, version and latency bucket.
insert into outline_calls
select
    c.outline_id,
    k.link_id,
    k.version,
    c.step_start_ns,
    c.bucket,
    cast(sum(c.lines * k.weight_e6) as bigint),
    cast(sum(case when k.failed then c.lines * k.weight_e6 else 0 end) as bigint),
    cast(sum(case when k.refused then c.lines * k.weight_e6 else 0 end) as bigint)
from (
    select t.outline_id, t.step_start_ns, c.pair, c.bucket, count(*) as lines
    from coded_lines as c
    inner join outlined_traces as t on t.trace = c.trace
    where t.outline_id > 0
    group by t.outline_id, t.step_start_ns, c.pair, c.bucket
) as c
inner join numbered_links as k on k.pair = c.pair
group by c.outline_id, k.link_id, k.version, c.step_start_ns, c.bucket
