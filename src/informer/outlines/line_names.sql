-- One row is a hash of names in the slice, and the names.
create or replace temp table line_names as
select
    cast(hash(s.service, s.operation, s.kind, s.peer, $salt) >> 1 as bigint) as name,
    s.service,
    coalesce(m.method, s.operation) as method,
    s.kind,
    s.peer
from (select distinct service, operation, kind, peer from slice_spans) as s
left join methods as m on m.service = s.service and m.operation = s.operation
