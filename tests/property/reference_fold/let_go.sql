-- One row is a trace that is kept no longer: others of its outline began before it, and it is not of the
-- sample, or no longer. Those kept before are no news, but may have another place.
update kept_traces set place = coalesce(
    (select e.place from slice_examples as e where e.trace = kept_traces.trace), 0
);
create or replace temp table dropped_traces as
select k.trace
from kept_traces as k
anti join (select trace from slice_examples where sampled) as e on e.trace = k.trace
where k.place = 0;
delete from kept_traces where trace in (select trace from dropped_traces);
delete from kept_spans where trace in (select trace from dropped_traces);
create or replace temp table slice_examples as
select e.* from slice_examples as e
anti join kept_traces as k on k.trace = e.trace;
delete from kept_lines where outline_id in (select outline_id from slice_examples where place = 1);
