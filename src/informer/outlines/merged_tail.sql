-- One row is an outline beyond the room for more: the first to have a link that is in none that is kept.
insert into outlines
with met_links as (
    select distinct m.outline_id, m.trace, l.link_id
    from part_cells as c
    inner join part_kinds as k on k.part = c.part and k.line_kind = c.line_kind
    inner join link_places as l on l.part = k.part and l.there = k.link_id
    inner join part_outlines as o on o.part = c.part and o.outline_id = c.outline_id
    inner join met_outlines as m on m.code_sum = o.code_sum and m.lines = o.lines
),

firsts as (
    select min(r.trace) as trace
    from met_links as r
    anti join (select link_id from met_links where outline_id <= $most) as k on k.link_id = r.link_id
    group by r.link_id
)

select $most + row_number() over (order by m.trace), m.code_sum, m.lines
from met_outlines as m
inner join (select distinct trace from firsts) as f on f.trace = m.trace
