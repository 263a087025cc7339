-- One row is a trace that was among the first of its outline, or is offered by a slice (`here` is its place
-- there), for outlines that are offered one. What was kept moves to the places that are left.
create or replace temp table first_traces as
select
    trace,
    outline_id,
    start_ns,
    here,
    cast(row_number() over (partition by outline_id order by start_ns, trace_id, trace) as integer) as place
from (
    select trace, trace_id, outline_id, start_ns, cast(null as bigint) as here
    from kept_traces
    where place > 0 and outline_id in (select outline_id from offered_traces)
    union all
    select trace, trace_id, outline_id, start_ns, here from offered_traces
) as both_sides;
update kept_traces
set place = case when f.place <= $examples then f.place else 0 end
from first_traces as f
where f.trace = kept_traces.trace and f.here is null and f.place <> kept_traces.place;
delete from kept_lines
where outline_id in (select outline_id from first_traces where place = 1 and here is not null)
