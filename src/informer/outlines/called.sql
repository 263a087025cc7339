-- One row is a kind of call in the steps in which chains of a shape began (`called`).
create or replace table outline_shapes as
select t.outline_id, h.shape_id
from kept_traces as t
inner join chains as h on h.trace_id = t.trace_id
where t.place = 1;
create or replace view called as
select
    o.shape_id,
    s.rpc_id,
    c.version,
    c.step_start_ns,
    c.bucket,
    round(c.lines_e6 * s.share) as calls_e6,
    round(c.failures_e6 * s.share) as failures_e6,
    round(c.refusals_e6 * s.share) as refusals_e6
from outline_counts as c
inner join link_shares as s on s.outline_id = c.outline_id and s.link_id = c.link_id
inner join outline_shapes as o on o.outline_id = c.outline_id;
create or replace view chain_steps as
select step_start_ns, first_ns, last_ns, chains from outline_steps where outline_id > 0;
create or replace table shape_weights as
select o.shape_id, sum(s.chains_e6) / 1000000 as chains, sum(s.squares) as squares
from outline_steps as s
inner join outline_shapes as o on o.outline_id = s.outline_id
group by o.shape_id;
