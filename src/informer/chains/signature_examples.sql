-- One row is one of the first few traces of a signature; `first_trace_id` stands for the signature.
create or replace table signature_examples as
select s.trace_id as first_trace_id, t.trace_id
from (
    select
        trace_id, code_sum, lost_sum, calls, entry_rpc_id, partial,
        row_number() over (
            partition by code_sum, lost_sum, calls, entry_rpc_id, partial order by trace_id
        ) as nth
    from trace_signatures
) as t
inner join signatures as s
    on
        s.code_sum = t.code_sum
        and s.lost_sum = t.lost_sum
        and s.calls = t.calls
        and s.entry_rpc_id = t.entry_rpc_id
        and s.partial = t.partial
where t.nth <= 5
