-- One row is counts of cells, packed (`core/cell_counts.py`), some of which may be in a range of steps.
select first_step_ns, runs, counts
from cell_counts
where last_step_ns >= $from_ns and first_step_ns < $until_ns
order by first_step_ns
