-- One row is a span id that came more than once in its trace.
create or replace temp table repeated_lines as
select line, min(name) as name, bool_or(failed) as failed, bool_or(refused) as refused
from lines
group by line
having count(*) > 1
