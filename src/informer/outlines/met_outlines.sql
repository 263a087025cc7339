-- One row is an outline that some part has met, in the order of the traces that stand for them in parts.
create or replace temp table met_outlines as
select
    row_number() over (order by min(t.trace)) as outline_id,
    o.code_sum,
    o.lines,
    min(t.trace) as trace
from part_outlines as o
inner join part_traces as t on t.part = o.part and t.outline_id = o.outline_id and t.place = 1
group by o.code_sum, o.lines
