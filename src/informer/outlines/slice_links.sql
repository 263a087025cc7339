-- One row is a kind of link in the slice: the names of a line and of the one it hangs below.
-- `by_caller`: a failure that the caller saw is the call's as well. `inside`: it is no call of its own.
create or replace temp table slice_links as
select
    d.name,
    d.up_name,
    d.lost,
    d.again,
    n.service,
    n.method,
    n.kind,
    n.peer,
    u.service as up_service,
    u.method as up_method,
    u.kind as up_kind,
    u.peer as up_peer,
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
from (select distinct name, up_name, lost, again from linked_lines) as d
inner join line_names as n on n.name = d.name
left join line_names as u on u.name = d.up_name
