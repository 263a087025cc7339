-- One row is a trace that is kept whole: the first few of every outline in time (the first stands for all
-- of it), of the slice or kept before, and a sample of all: those with the smallest hashes so far.
create or replace temp table slice_examples as
with firsts as (
    select trace, outline_id, start_ns, place
    from (
        select
            b.*,
            row_number() over (partition by outline_id order by start_ns, trace_id) as place
        from (
            select t.trace, n.trace_id, t.outline_id, t.start_ns
            from outlined_traces as t
            inner join (
                select distinct cast(hash(trace_id, $salt) >> 1 as bigint) as trace, trace_id
                from slice_spans
            ) as n on n.trace = t.trace
            where t.outline_id > 0
            union all
            select trace, trace_id, outline_id, start_ns from kept_traces where place > 0
        ) as b
    ) as ranked
    where place <= $examples
),

drawn as (
    select trace, outline_id, start_ns
    from (
        select trace, outline_id, start_ns from outlined_traces where outline_id > 0
        union all
        select trace, outline_id, start_ns from kept_traces where sampled
    ) as both_sides
    order by trace
    limit $sample
)

select
    coalesce(f.trace, s.trace) as trace,
    coalesce(f.outline_id, s.outline_id) as outline_id,
    coalesce(f.start_ns, s.start_ns) as start_ns,
    cast(coalesce(f.place, 0) as integer) as place,
    s.trace is not null as sampled
from firsts as f
full join drawn as s on s.trace = f.trace
