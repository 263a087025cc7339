-- One row is a pair of sayings in a step of the slice, by outline and latency bucket.
insert into outline_calls
select
    c.outline_id,
    k.link_id,
    k.version,
    c.step_start_ns,
    c.bucket,
    c.lines * k.weight_e6,
    case when k.failed then c.lines * k.weight_e6 else 0 end,
    case when k.refused then c.lines * k.weight_e6 else 0 end
from (
    select t.outline_id, t.step_start_ns, c.pair, c.bucket, count(*) as lines
    from coded_lines as c
    inner join outlined_traces as t on t.trace = c.trace
    where t.outline_id > 0
    group by t.outline_id, t.step_start_ns, c.pair, c.bucket
) as c
inner join numbered_links as k on k.pair = c.pair
