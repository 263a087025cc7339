-- One row is a line with the number of its pair in place of sayings, and the code of its link.
create or replace temp table coded_lines as
select c.trace, c.line, k.pair, k.code, k.top, c.start_ns, c.bucket, k.failed, k.weight_e6
from linked_lines as c
inner join numbered_links as k
    on
        k.saying = c.saying and k.up_saying = c.up_saying
        and k.up_outcome = c.up_outcome and k.again = c.again
