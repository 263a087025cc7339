-- One row is a distinct signature; its example is the chain with the smallest trace id.
-- Weights are summed in millionths, as integers: a sum of floats would depend on their order.
create or replace table signatures as
select
    code_sum,
    calls,
    entry_rpc_id,
    partial,
    min(trace_id) as trace_id,
    cast(sum(cast(round(weight * 1000000) as bigint)) as bigint) as chains_e6,
    cast(
        sum(case when failed then cast(round(weight * 1000000) as bigint) else 0 end) as bigint
    ) as failed_chains_e6,
    min(start_ns) as first_seen_ns,
    max(start_ns) as last_seen_ns
from trace_signatures
group by code_sum, calls, entry_rpc_id, partial
