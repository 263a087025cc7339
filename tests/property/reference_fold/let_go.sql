-- One row is a trace that fell out of the sample: it is kept no longer. Those kept before are no news.
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
