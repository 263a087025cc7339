-- One row is a line of a trace that stands for its outline, and the ids of its span.
create or replace temp table named_lines as
select c.outline_id, p.trace_id, p.span_id, l.link_id, p.start_ns
from part_lines as p
inner join chosen_traces as c on c.trace = p.trace and c.place = 1
inner join link_places as l on l.part = p.part and l.there = p.link_id
