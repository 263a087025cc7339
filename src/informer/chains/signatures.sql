-- One row is a distinct signature; its example is the chain with the smallest trace id.
-- Weights are summed in millionths, as integers: a sum of floats would depend on their order.
create or replace table signatures as
select
    t.code_sum,
    t.lost_sum,
    t.calls,
    t.entry_rpc_id,
    t.partial,
    min(t.trace_id) as trace_id,
    cast(sum(coalesce(f.chains_e6, cast(round(t.weight * 1000000) as bigint))) as bigint)
        as chains_e6,
    cast(
        sum(coalesce(
            f.failed_e6,
            case when t.failed then cast(round(t.weight * 1000000) as bigint) else 0 end
        )) as bigint
    ) as failed_chains_e6,
    min(coalesce(f.first_ns, t.start_ns)) as first_seen_ns,
    max(coalesce(f.last_ns, t.start_ns)) as last_seen_ns
from trace_signatures as t
left join counts_as as f on f.trace_id = t.trace_id
where coalesce(f.chains, 1) > 0
group by t.code_sum, t.lost_sum, t.calls, t.entry_rpc_id, t.partial
