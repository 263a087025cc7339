-- One row is a link of an outline in a step, by version and latency bucket: a sum of some slice.
create or replace view outline_counts as
select outline_id, link_id, version, step_start_ns, bucket, lines_e6, failures_e6, refusals_e6
from outline_calls
union all
select
    e.outline_id,
    k.link_id,
    k.version,
    c.step_start_ns,
    c.bucket,
    c.lines * k.weight_e6,
    case when k.failed then c.lines * k.weight_e6 else 0 end,
    case when k.refused then c.lines * k.weight_e6 else 0 end
from cell_counts as c
inner join cells as e on e.cell = c.cell
inner join line_kinds as k on k.line_kind = e.line_kind
