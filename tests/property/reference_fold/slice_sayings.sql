-- One row is what spans of the slice say; `name` is a hash of its names.
create or replace temp table slice_sayings as
select
    s.saying,
    cast(hash(s.service, s.operation, s.kind, s.peer, $salt) >> 1 as bigint) as name,
    s.service,
    coalesce(m.method, s.operation) as method,
    s.kind,
    s.peer,
    s.failed,
    s.refused,
    cast(round(s.weight * 1000000) as bigint) as weight_e6,
    case when s.kind in ('client', 'producer') then null else s.version end as version
from (
    select distinct
        cast(hash(
            service, operation, kind, peer, cast(failed as varchar), cast(refused as varchar),
            cast(weight as varchar), version, $salt
        ) >> 1 as bigint) as saying,
        service, operation, kind, peer, failed, refused, weight, version
    from slice_spans
) as s
left join methods as m on m.service = s.service and m.operation = s.operation
