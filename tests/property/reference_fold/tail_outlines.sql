-- One row is an outline beyond the room for more: it has a link that is in no outline that is kept, so
-- that what is rare is known by its links, though its chains are counted in no form.
insert into outlines
select
    (select count(*) from outlines) + row_number() over (order by n.trace) as outline_id,
    n.code_sum,
    n.lines
from (
    select t.code_sum, t.lines, min(t.trace) as trace
    from (
        select k.link_id, min(c.trace) as trace
        from coded_lines as c
        inner join numbered_links as k on k.pair = c.pair
        anti join (select distinct link_id from kept_lines) as l on l.link_id = k.link_id
        inner join slice_traces as s on s.trace = c.trace
        anti join outlines as o on o.code_sum = s.code_sum and o.lines = s.lines
        group by k.link_id
    ) as f
    inner join slice_traces as t on t.trace = f.trace
    group by t.code_sum, t.lines
) as n
