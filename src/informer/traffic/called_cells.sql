-- One row is how many calls of a cell began in a step with a bucket of latency; those of a cell in a step stand together.
select c.step_start_ns, s.cell, c.bucket, c.calls
from called as c
join cell_shares as s
    on
        s.call_kind = c.call_kind and s.weight_e6 = c.weight_e6
        and s.failed = c.failed and s.refused = c.refused
order by c.step_start_ns, s.cell
