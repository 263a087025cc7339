-- One row is a trace that is kept whole: the first few of every outline in time (the first stands for all
-- of it), and a sample of all: those with the smallest numbers.
create or replace temp table chosen_traces as
with offered as (
    select t.trace, t.trace_id, o.outline_id, t.place, t.sampled, t.start_ns
    from part_traces as t
    inner join outline_places as o on o.part = t.part and o.there = t.outline_id
),

firsts as (
    select trace, place
    from (
        select
            trace,
            row_number() over (partition by outline_id order by start_ns, trace_id, trace) as place
        from offered
        where place > 0
    ) as ranked
    where place <= $examples
),

drawn as (
    select trace from offered where sampled order by trace limit $sample
)

select
    o.trace,
    o.trace_id,
    o.outline_id,
    cast(coalesce(f.place, 0) as integer) as place,
    s.trace is not null as sampled,
    o.start_ns
from offered as o
left join firsts as f on f.trace = o.trace
left join drawn as s on s.trace = o.trace
where f.trace is not null or s.trace is not null
