-- One row is a span id that came more than once in its trace: one of its sayings, and what all of
-- them say of its outcome (1 = failed, 2 = refused, 3 = both).
create or replace temp table repeated_lines as
select t.line, n.saying, t.outcome
from (
    select
        c.line,
        min(s.name) as name,
        max(case when s.failed then 1 else 0 end) + max(case when s.refused then 2 else 0 end) as outcome
    from lines as c
    inner join (select line from lines group by line having count(*) > 1) as r on r.line = c.line
    inner join slice_sayings as s on s.saying = c.saying
    group by c.line
) as t
inner join (select name, min(saying) as saying from slice_sayings group by name) as n
    on n.name = t.name
