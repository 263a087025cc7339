-- One row is a trace that is kept whole: the first few of every outline (the first stands for all of
-- it), and a sample of all: those with the smallest numbers.
create or replace temp table chosen_traces as
with offered as (
    select t.trace, t.place, t.sampled, o.outline_id
    from part_traces as t
    inner join outline_places as o on o.part = t.part and o.there = t.outline_id
),

firsts as (
    select trace, outline_id, place
    from (
        select
            trace,
            outline_id,
            row_number() over (partition by outline_id order by trace) as place
        from offered
        where place > 0
    ) as ranked
    where place <= $examples
),

drawn as (
    select trace, outline_id from offered where sampled order by trace limit $sample
)

select
    coalesce(f.trace, s.trace) as trace,
    coalesce(f.outline_id, s.outline_id) as outline_id,
    cast(coalesce(f.place, 0) as integer) as place,
    s.trace is not null as sampled
from firsts as f
full join drawn as s on s.trace = f.trace
