-- One row is a kind of call in a step in which chains of its shape began (`called_counts`). Kinds of
-- call are numbers (`call_kinds`), so that counts, of which there are many, join by these alone.
create or replace table outline_shapes as
select t.outline_id, h.shape_id
from kept_traces as t
inner join chains as h on h.trace_id = t.trace_id
where t.place = 1;
create or replace table call_kinds as
select row_number() over (order by shape_id, rpc_id, version) as call_kind, shape_id, rpc_id, version
from (
    select distinct o.shape_id, s.rpc_id, c.version
    from (
        select distinct e.outline_id, k.link_id, k.version
        from cells as e
        inner join line_kinds as k on k.line_kind = e.line_kind
    ) as c
    inner join link_shares as s on s.outline_id = c.outline_id and s.link_id = c.link_id
    inner join outline_shapes as o on o.outline_id = c.outline_id
) as d;
create or replace table cell_shares as
select e.cell, n.call_kind, k.weight_e6, k.failed, k.refused, s.share
from cells as e
inner join line_kinds as k on k.line_kind = e.line_kind
inner join link_shares as s on s.outline_id = e.outline_id and s.link_id = k.link_id
inner join outline_shapes as o on o.outline_id = e.outline_id
inner join call_kinds as n
    on
        n.shape_id = o.shape_id and n.rpc_id = s.rpc_id
        and n.version is not distinct from k.version;
create or replace view called_counts as
select
    s.call_kind,
    c.step_start_ns,
    c.bucket,
    round(c.lines * s.weight_e6 * s.share) as calls_e6,
    case when s.failed then round(c.lines * s.weight_e6 * s.share) else 0 end as failures_e6,
    case when s.refused then round(c.lines * s.weight_e6 * s.share) else 0 end as refusals_e6
from cell_counts as c
inner join cell_shares as s on s.cell = c.cell;
create or replace view chain_steps as
select step_start_ns, first_ns, last_ns, chains from outline_steps where outline_id > 0;
create or replace table shape_weights as
select o.shape_id, sum(s.chains_e6) / 1000000 as chains, sum(s.squares) as squares
from outline_steps as s
inner join outline_shapes as o on o.outline_id = s.outline_id
group by o.shape_id;
