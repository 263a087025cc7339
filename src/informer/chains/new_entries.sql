-- One row is a method that nobody who exports spans was known to call, of a service that is called
-- from where nobody does: it is called from there too, and not behind a span that was lost.
insert into remote_entries
with exporting as (
    select distinct callee as service from rpcs
    union
    select 'unknown' as service
)

select distinct h.service, h.method
from remote_heads as h
where
    h.service in (select e.service from remote_entries as e)
    and not exists (
        select 1
        from remote_entries as e
        where e.service = h.service and e.method = h.method
    )
    and not exists (
        select 1
        from rpcs as r
        inner join exporting as x on x.service = r.caller
        where r.callee = h.service and r.method = h.method
    )
