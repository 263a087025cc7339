-- One row is a kept line, by the hash of the engine that goes on with it.
insert into kept_lines
select outline_id, cast(hash(trace_id, span_id, $salt) >> 1 as bigint), link_id, start_ns
from named_lines
