-- One row is a count of a part.
insert into cell_counts
select m.cell, c.step_start_ns, c.bucket, c.lines
from part_counts as c
inner join cell_places as m on m.part = $part and m.there = c.cell
