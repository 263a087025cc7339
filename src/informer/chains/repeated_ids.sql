-- One row is a span id that came more than once in its trace.
create or replace table repeated_ids as
select trace_id, span_id
from spans
group by trace_id, span_id
having count(*) > 1
