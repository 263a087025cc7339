-- One row is what lines count for, and what is counted of an outline (`cells`); `kind_places` and
-- `cell_places` have their numbers in the parts.
create or replace temp table kind_places as
select
    p.part,
    p.line_kind as there,
    l.link_id,
    p.version,
    p.failed,
    p.refused,
    p.weight_e6,
    dense_rank() over (order by l.link_id, p.version, p.failed, p.refused, p.weight_e6) - 1 as line_kind
from part_kinds as p
inner join link_places as l on l.part = p.part and l.there = p.link_id;
insert into line_kinds
select distinct line_kind, link_id, version, failed, refused, weight_e6 from kind_places;
create or replace temp table cell_places as
select
    c.part,
    c.cell as there,
    o.outline_id,
    k.line_kind,
    dense_rank() over (order by o.outline_id, k.line_kind) - 1 as cell
from part_cells as c
inner join outline_places as o on o.part = c.part and o.there = c.outline_id
inner join kind_places as k on k.part = c.part and k.there = c.line_kind
order by c.part;
insert into cells
select distinct cell, outline_id, line_kind from cell_places
