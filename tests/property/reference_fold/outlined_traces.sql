-- One row is a closed trace, its outline (0 = one of too many) and the step in which it began.
create or replace temp table outlined_traces as
select
    t.trace,
    coalesce(o.outline_id, 0) as outline_id,
    t.start_ns - t.start_ns % $step_ns as step_start_ns,
    t.start_ns,
    t.failed,
    t.weight_e6
from slice_traces as t
left join outlines as o on o.code_sum = t.code_sum and o.lines = t.lines
