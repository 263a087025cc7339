-- One row is what spans of the slice say; `name` is the rank of its names.
create or replace temp table slice_sayings as
select
    s.saying,
    dense_rank() over (order by s.service, s.operation, s.kind, s.peer nulls first) as name,
    s.service,
    coalesce(m.method, s.operation) as method,
    s.kind,
    s.peer,
    s.failed,
    s.refused,
    cast(round(s.weight * 1000000) as bigint) as weight_e6,
    case when s.kind in ('client', 'producer') then null else s.version end as version
from sayings as s
left join methods as m on m.service = s.service and m.operation = s.operation
