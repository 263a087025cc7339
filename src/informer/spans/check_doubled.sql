-- one row is a service whose requests two scopes report, about equally often, in different traces
with serving as (
    select service, scope, trace_id, count(*) as requests
    from spans
    where kind in ('server', 'consumer') and scope is not null
    group by service, scope, trace_id
),
totals as (
    select service, scope, sum(requests) as requests, count(*) as traces
    from serving
    group by service, scope
),
pairs as (
    select
        one.service, one.scope, other.scope as other_scope,
        one.requests, other.requests as other_requests,
        least(one.traces, other.traces) as traces
    from totals as one
    join totals as other on other.service = one.service and other.scope > one.scope
    where least(one.requests, other.requests) >= 0.8 * greatest(one.requests, other.requests)
),
together as (
    select pairs.service, pairs.scope, pairs.other_scope, count(*) as traces
    from pairs
    join serving as one on one.service = pairs.service and one.scope = pairs.scope
    join serving as other
        on other.service = pairs.service and other.scope = pairs.other_scope
        and other.trace_id = one.trace_id
    group by pairs.service, pairs.scope, pairs.other_scope
)
select
    pairs.service, pairs.scope, pairs.other_scope,
    cast(pairs.requests as bigint) as requests, cast(pairs.other_requests as bigint) as other_requests
from pairs
left join together
    on together.service = pairs.service and together.scope = pairs.scope
    and together.other_scope = pairs.other_scope
where coalesce(together.traces, 0) <= 0.2 * pairs.traces
order by pairs.service, pairs.scope, pairs.other_scope
