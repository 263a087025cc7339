-- One row is a line and the names of the one it hangs below. `lost`: it names a parent that is not
-- there. `again`: its id came more than once.
create or replace temp table linked_lines as
with parents as (
    select p.line, p.name, p.failed, p.refused
    from lines as p
    anti join repeated_lines as r on r.line = p.line
    union all
    select line, name, failed, refused from repeated_lines
)

select
    c.trace,
    c.line,
    c.name,
    p.name as up_name,
    p.name is null and c.up is not null and not c.soft as lost,
    r.line is not null as again,
    c.start_ns,
    c.bucket,
    c.failed,
    c.refused,
    coalesce(p.failed, false) as up_failed,
    coalesce(p.refused, false) as up_refused,
    c.weight_e6,
    c.version
from lines as c
left join parents as p on p.line = c.up and c.up <> c.line
left join repeated_lines as r on r.line = c.line
