-- One row is an rpc that lines of a link stand for in chains of an outline: how many calls a line.
create or replace table link_shares as
with told as (
    select
        k.outline_id,
        k.link_id,
        c.rpc_id,
        1.0 / count(*) over (partition by c.trace_id, c.span_id, c.twin) as part
    from calls as c
    inner join kept_traces as t on t.trace_id = c.trace_id and t.place = 1
    inner join kept_lines as k
        on
            k.outline_id = t.outline_id
            and k.line = cast(hash(c.trace_id, c.span_id, $salt) >> 1 as bigint)
            and k.start_ns = c.start_ns
)

select s.outline_id, s.link_id, s.rpc_id, s.calls / l.lines as share
from (
    select outline_id, link_id, rpc_id, sum(part) as calls from told group by all
) as s
inner join (
    select outline_id, link_id, count(*) as lines from kept_lines group by all
) as l on l.outline_id = s.outline_id and l.link_id = s.link_id
