-- One row is a kept line and the ids of its span.
select n.trace, n.trace_id, n.span_id, k.link_id, k.start_ns
from kept_lines as k
inner join (
    select distinct
        t.outline_id,
        t.trace,
        s.trace_id,
        s.span_id,
        cast(hash(s.trace_id, s.span_id, $salt) >> 1 as bigint) as line
    from kept_traces as t
    inner join kept_spans as s on s.trace = t.trace
    where t.place = 1
) as n on n.outline_id = k.outline_id and n.line = k.line
