-- One row is counts of cells in a step of a range, side by side: cell, bucket of latency, and how many.
select step_start_ns, cell, bucket, lines
from cell_counts
where step_start_ns >= $from_ns and step_start_ns < $until_ns
