-- One row is a span and the span twice as many links above it as in `uphill_links`.
create or replace table doubled_links as
select a.trace_id, a.span_id, a.twin, b.up_span_id, b.up_twin
from uphill_links as a
inner join uphill_links as b
    on b.trace_id = a.trace_id and b.span_id = a.up_span_id and b.twin = a.up_twin
