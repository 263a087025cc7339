-- One row is a line with its link in place of names.
create or replace temp table coded_lines as
select
    c.trace,
    c.line,
    k.link_id,
    k.code,
    c.up_name is null and not c.lost as top,
    c.start_ns,
    c.bucket,
    not k.inside and (c.failed or (k.by_caller and c.up_failed)) as failed,
    not k.inside and (c.refused or (k.by_caller and c.up_refused)) as refused,
    c.weight_e6,
    c.version
from linked_lines as c
inner join numbered_links as k
    on
        k.name = c.name and k.up_name is not distinct from c.up_name
        and k.lost = c.lost and k.again = c.again
