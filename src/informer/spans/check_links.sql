-- one row: how spans hang together. A link that begins with `?` is a guess: unanswered, it is a root
with distinct_spans as (
    select
        trace_id, span_id, service, kind, start_ns, duration_ns, min(peer) as peer,
        min(parent_span_id) as parent_span_id, count(*) as times
    from spans
    group by trace_id, span_id, service, kind, start_ns, duration_ns
),
parents as (
    select
        trace_id, span_id, min(service) as service,
        min(start_ns) as start_ns, max(start_ns + duration_ns) as end_ns
    from distinct_spans
    group by trace_id, span_id
),
linked as (
    select
        span.trace_id, span.times, span.peer,
        span.parent_span_id is not null and not starts_with(span.parent_span_id, '?') as is_hard,
        parent.span_id is not null as is_answered,
        parent.service <> span.service as is_across,
        -- a millisecond is what clocks of well kept hosts differ by
        span.start_ns < parent.start_ns - 1000000 or span.start_ns > parent.end_ns + 1000000
            as is_outside
    from distinct_spans as span
    left join parents as parent
        on parent.trace_id = span.trace_id
        and parent.span_id = case
            when starts_with(span.parent_span_id, '?') then substr(span.parent_span_id, 2)
            else span.parent_span_id
        end
        and parent.span_id <> span.span_id
)
select
    cast(coalesce(sum(times) - count(*), 0) as bigint) as duplicates,
    count(*) filter (where is_answered) as links,
    count(*) filter (where is_across) as across,
    count(*) filter (where is_outside) as outside,
    count(*) filter (where is_hard and not is_answered) as orphans,
    count(distinct trace_id) filter (where is_hard and not is_answered) as orphaned_traces,
    count(*) filter (where peer is not null) as with_peer
from linked
