-- One row is a trace of the slice that is kept whole: the first few of every new outline (the first
-- stands for all of it), and a sample of all: those with the smallest hashes so far.
create or replace temp table slice_examples as
with firsts as (
    select trace, outline_id, place
    from (
        select
            t.trace,
            t.outline_id,
            row_number() over (partition by t.outline_id order by t.trace) as place
        from outlined_traces as t
        anti join (select outline_id from kept_traces where place = 1) as k
            on k.outline_id = t.outline_id
        where t.outline_id > 0
    ) as ranked
    where place <= $examples
),

drawn as (
    select trace, outline_id
    from (
        select trace, outline_id, false as old from outlined_traces where outline_id > 0
        union all
        select trace, outline_id, true as old from kept_traces where sampled
    ) as both_sides
    order by trace
    limit $sample
)

select
    coalesce(f.trace, s.trace) as trace,
    coalesce(f.outline_id, s.outline_id) as outline_id,
    cast(coalesce(f.place, 0) as integer) as place,
    s.trace is not null as sampled
from firsts as f
full join drawn as s on s.trace = f.trace
