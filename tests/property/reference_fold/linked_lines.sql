-- One row is a line and the saying of the one it hangs below: 0 = none, -1 = it names a parent that
-- is not there. `again`: its id came more than once. `up_outcome`: -1 = what the parent's saying says.
create or replace temp table linked_lines as
with parents as (
    select p.line, p.saying, -1 as outcome
    from lines as p
    anti join repeated_lines as r on r.line = p.line
    union all
    select line, saying, outcome from repeated_lines
)

select
    c.trace,
    c.line,
    c.saying,
    coalesce(p.saying, case when c.up is not null and not c.soft then -1 else 0 end) as up_saying,
    coalesce(p.outcome, -1) as up_outcome,
    r.line is not null as again,
    c.start_ns,
    c.bucket
from lines as c
left join parents as p on p.line = c.up and c.up <> c.line
left join repeated_lines as r on r.line = c.line
