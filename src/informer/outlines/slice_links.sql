-- One row is a kind of link in the slice: what a line says and what the one says that it hangs below.
-- `by_caller`: a failure that the caller saw is the call's as well. `inside`: it is no call of its own.
create or replace temp table slice_links as
select
    row_number() over (order by d.saying, d.up_saying, d.up_outcome, d.again) as pair,
    d.saying,
    d.up_saying,
    d.up_outcome,
    d.up_saying = -1 as lost,
    d.again,
    n.service,
    n.method,
    n.kind,
    n.peer,
    u.service as up_service,
    u.method as up_method,
    u.kind as up_kind,
    u.peer as up_peer,
    n.failed,
    n.refused,
    coalesce(case when d.up_outcome = -1 then u.failed else d.up_outcome in (1, 3) end, false) as up_failed,
    coalesce(case when d.up_outcome = -1 then u.refused else d.up_outcome in (2, 3) end, false) as up_refused,
    n.weight_e6,
    n.version,
    coalesce(
        u.kind in ('client', 'producer')
        and (n.kind in ('server', 'consumer')
            or (n.kind in ('client', 'producer') and u.service = n.service)),
        false
    ) as by_caller,
    coalesce(
        u.service = n.service
        and n.kind not in ('client', 'producer')
        and (n.kind not in ('server', 'consumer') or u.kind in ('server', 'consumer')),
        false
    ) as inside
from (select distinct saying, up_saying, up_outcome, again from linked_lines) as d
inner join slice_sayings as n on n.saying = d.saying
left join slice_sayings as u on u.saying = d.up_saying
