-- One row is a span whose own id or whose parent's id came more than once, and its parent if any.
create or replace table shared_parents as
with undecided as (
    select s.trace_id, s.span_id, s.twin, s.link, s.service, s.kind
    from distinct_spans as s
    left join repeated_ids as i on i.trace_id = s.trace_id and i.span_id = s.link
    where i.span_id is not null or (s.came_again and s.kind in ('server', 'consumer'))
),

-- Of each id the first of all and the first of each service may be a parent; the second stands in
-- where the first is the child itself. So a thousand spans of one id make no million pairs.
ranked as (
    select
        p.trace_id, p.span_id, p.twin, p.service, p.kind, p.failed, p.refused, p.start_ns,
        p.duration_ns, p.kind in ('client', 'producer') as calling,
        row_number() over (partition by p.trace_id, p.span_id, p.service order by p.twin)
            as own_rank,
        row_number() over (
            partition by p.trace_id, p.span_id, p.kind in ('client', 'producer') order by p.twin
        ) as calling_rank,
        row_number() over (
            partition by p.trace_id, p.span_id, p.service, p.kind in ('client', 'producer')
            order by p.twin
        ) as own_calling_rank
    from distinct_spans as p
    inner join (
        select trace_id, span_id from undecided
        union
        select trace_id, link as span_id from undecided
    ) as i on i.trace_id = p.trace_id and i.span_id = p.span_id
),

candidates as (
    select s.trace_id, s.span_id, s.twin, p.span_id as up_span_id, p.twin as up_twin, 1 as choice
    from undecided as s
    inner join (select * from ranked where calling and own_calling_rank = 1) as p
        on p.trace_id = s.trace_id and p.span_id = s.span_id and p.service = s.service
    where s.kind in ('server', 'consumer')
    union all
    select s.trace_id, s.span_id, s.twin, p.span_id, p.twin, 2
    from undecided as s
    inner join (select * from ranked where calling and calling_rank = 1) as p
        on p.trace_id = s.trace_id and p.span_id = s.span_id
    where s.kind in ('server', 'consumer')
    union all
    select s.trace_id, s.span_id, s.twin, p.span_id, p.twin, 3
    from undecided as s
    inner join (select * from ranked where own_rank <= 2) as p
        on p.trace_id = s.trace_id and p.span_id = s.link and p.service = s.service
    where p.span_id <> s.span_id or p.twin <> s.twin
    union all
    select s.trace_id, s.span_id, s.twin, p.span_id, p.twin, 4
    from undecided as s
    inner join (select * from ranked where twin <= 2) as p
        on p.trace_id = s.trace_id and p.span_id = s.link
    where p.span_id <> s.span_id or p.twin <> s.twin
)

select
    b.trace_id, b.span_id, b.twin, b.up_span_id, b.up_twin,
    p.service as up_service, p.kind as up_kind, p.failed as up_failed, p.refused as up_refused,
    p.start_ns as up_start_ns, p.duration_ns as up_duration_ns
from (
    select
        u.trace_id, u.span_id, u.twin, c.up_span_id, c.up_twin,
        row_number() over (
            partition by u.trace_id, u.span_id, u.twin order by c.choice, c.up_twin
        ) as nth
    from undecided as u
    left join candidates as c
        on c.trace_id = u.trace_id and c.span_id = u.span_id and c.twin = u.twin
) as b
left join ranked as p
    on p.trace_id = b.trace_id and p.span_id = b.up_span_id and p.twin = b.up_twin
where b.nth = 1
