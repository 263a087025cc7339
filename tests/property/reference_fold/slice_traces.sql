-- One row is a closed trace: the order-independent sum that stands for its links, and its start.
create or replace temp table slice_traces as
select
    trace,
    cast(sum(code) as bigint) as code_sum,
    cast(count(*) as integer) as lines,
    coalesce(min(case when top then start_ns end), min(start_ns)) as start_ns,
    bool_or(failed) as failed,
    max(weight_e6) as weight_e6
from coded_lines
group by trace
