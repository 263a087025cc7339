-- One row is a kind of call in a step of a range, by bucket of latency: a part of its sum.
select
    call_kind,
    step_start_ns,
    bucket,
    cast(calls_e6 as bigint) as calls_e6,
    cast(failures_e6 as bigint) as failures_e6,
    cast(refusals_e6 as bigint) as refusals_e6
from called_counts
where step_start_ns >= $from_ns and step_start_ns < $until_ns
