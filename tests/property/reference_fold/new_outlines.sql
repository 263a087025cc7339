-- One row is an outline that was not met before, while there is room for more.
insert into outlines
select outline_id, code_sum, lines
from (
    select
        (select count(*) from outlines) + row_number() over (order by min(s.trace)) as outline_id,
        s.code_sum,
        s.lines
    from slice_traces as s
    anti join outlines as o on o.code_sum = s.code_sum and o.lines = s.lines
    group by s.code_sum, s.lines
) as n
where outline_id <= $most
