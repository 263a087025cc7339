-- One row is a span of a closed trace in numbers: hashes of its ids and of what it says. `$salt` is that
-- of the workspace. Ids that are made to collide without it collide with it: they count as one trace.
create or replace temp table lines as
select
    cast(hash(s.trace_id, $salt) >> 1 as bigint) as trace,
    cast(hash(s.trace_id, s.span_id, $salt) >> 1 as bigint) as line,
    case
        when s.parent_span_id like '?%' then cast(hash(s.trace_id, substr(s.parent_span_id, 2), $salt) >> 1 as bigint)
        when s.parent_span_id is not null then cast(hash(s.trace_id, s.parent_span_id, $salt) >> 1 as bigint)
    end as up,
    coalesce(s.parent_span_id like '?%', false) as soft,
    cast(hash(
        s.service, s.operation, s.kind, s.peer, cast(s.failed as varchar), cast(s.refused as varchar),
        cast(s.weight as varchar), s.version, $salt
    ) >> 1 as bigint) as saying,
    s.start_ns,
    cast(floor(ln(greatest(s.duration_ns, 1000) / 1000.0) / ln(2) * 8) as integer) as bucket
from slice_spans as s
