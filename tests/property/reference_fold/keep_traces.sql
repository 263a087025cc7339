-- One row is a span of a trace that is kept whole.
insert into kept_spans
select cast(hash(s.trace_id, $salt) >> 1 as bigint) as trace, s.* from example_spans as s;
insert into kept_traces
select e.trace, k.trace_id, e.outline_id, e.place, e.sampled, e.start_ns
from slice_examples as e
inner join (select distinct trace, trace_id from kept_spans) as k on k.trace = e.trace;
insert into kept_lines
select e.outline_id, c.line, k.link_id, c.start_ns
from coded_lines as c
inner join numbered_links as k on k.pair = c.pair
inner join slice_examples as e on e.trace = c.trace
where e.place = 1;
