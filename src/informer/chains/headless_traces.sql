-- One row is a trace where a span without parent is no call; `broken` when such a span is an orphan.
create or replace table headless_traces as
select s.trace_id, max(case when s.orphan then 1 else 0 end) as broken
from cut_spans as s
left join (select * from calls where root or orphan) as c
    on c.trace_id = s.trace_id and c.span_id = s.span_id and c.twin = s.twin
where s.up_span_id is null and c.span_id is null
group by s.trace_id
