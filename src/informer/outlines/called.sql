-- One row is a kind of call (`call_kinds`), and what a line of a cell counts for (`cell_shares`): kinds are
-- numbers, so that counts, of which there are many, are added up by these alone.
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
create or replace view chain_steps as
select step_start_ns, first_ns, last_ns, chains from outline_steps where outline_id > 0;
create or replace table shape_weights as
select o.shape_id, sum(s.chains_e6) / 1000000 as chains, sum(s.squares) as squares
from outline_steps as s
inner join outline_shapes as o on o.outline_id = s.outline_id
group by o.shape_id;
