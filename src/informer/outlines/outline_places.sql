-- One row is an outline that is kept, and its number in a part.
create or replace temp table outline_places as
select p.part, p.outline_id as there, o.outline_id
from part_outlines as p
inner join outlines as o on o.code_sum = p.code_sum and o.lines = p.lines
