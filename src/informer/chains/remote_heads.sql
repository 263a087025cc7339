-- One row is a span that may be where a trace comes in: it lost its parent in a trace without root.
create or replace table remote_heads as
select s.trace_id, s.span_id, s.twin, s.service, coalesce(m.method, s.operation) as method
from acyclic_spans as s
inner join (
    select
        trace_id,
        max(case when kind in ('server', 'consumer', 'client', 'producer') then 1 else 0 end)
            as has_kinds
    from acyclic_spans
    where trace_id in (select trace_id from acyclic_spans where lost)
    group by trace_id
    having max(case when up_span_id is null and not orphan then 1 else 0 end) = 0
) as t on t.trace_id = s.trace_id
left join methods as m on m.service = s.service and m.operation = s.operation
where s.lost and (s.kind in ('server', 'consumer') or t.has_kinds = 0)
