-- One row is a span of a trace that is kept whole; those that fell out of the sample are let go.
create or replace temp table dropped_traces as
select k.trace
from kept_traces as k
anti join (select trace from slice_examples where sampled) as e on e.trace = k.trace
where k.sampled and k.place = 0;
delete from kept_traces where trace in (select trace from dropped_traces);
delete from kept_spans where trace in (select trace from dropped_traces);
create or replace temp table slice_examples as
select e.* from slice_examples as e
anti join kept_traces as k on k.trace = e.trace;
insert into kept_spans
select cast(hash(s.trace_id, $salt) >> 1 as bigint) as trace, s.*
from slice_spans as s
where cast(hash(s.trace_id, $salt) >> 1 as bigint) in (select trace from slice_examples);
insert into kept_traces
select e.trace, k.trace_id, e.outline_id, e.place, e.sampled
from slice_examples as e
inner join (select distinct trace, trace_id from kept_spans) as k on k.trace = e.trace;
insert into kept_lines
select e.outline_id, c.line, k.link_id, c.start_ns
from coded_lines as c
inner join numbered_links as k on k.pair = c.pair
inner join slice_examples as e on e.trace = c.trace
where e.place = 1;
