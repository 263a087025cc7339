-- One row is a link in a trace that may hold a cycle: a span and the span it hangs below.
-- A link from a span to one that began before it (or as early and lasted longer) goes downhill in
-- time, and such links alone never close a circle. Clocks decide nothing here: they only clear
-- traces of suspicion.
create or replace table uphill_links as
select s.trace_id, s.span_id, s.twin, s.up_span_id, s.up_twin
from linked_spans as s
inner join (
    select distinct trace_id
    from linked_spans
    where uphill
) as t on t.trace_id = s.trace_id
where s.up_span_id is not null
