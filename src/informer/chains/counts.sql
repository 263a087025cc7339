-- One row is everything that was counted on the way from spans to shapes.
with stood as (
    select c.trace_id, c.up_span_id is null and not c.orphan as root, c.orphan,
        coalesce(f.chains, 1) as traces
    from cut_spans as c
    left join counts_as as f on f.trace_id = c.trace_id
)

select
    (select sum(coalesce(f.chains, 1)) from spans as s left join counts_as as f
        on f.trace_id = s.trace_id) as spans,
    (select sum(traces) from stood) as distinct_spans,
    (select sum(coalesce(f.chains, 1)) from (select distinct trace_id from spans) as s
        left join counts_as as f on f.trace_id = s.trace_id) as traces,
    (select sum(traces) from stood where root) as roots,
    (select sum(traces) from stood where orphan) as orphans,
    (select sum(coalesce(f.chains, 1)) from calls as c left join counts_as as f
        on f.trace_id = c.trace_id) as calls,
    (select count(*) from rpcs) as rpcs,
    (select sum(coalesce(f.chains, 1)) from chains as c left join counts_as as f
        on f.trace_id = c.trace_id) as chains,
    (select sum(coalesce(f.chains, 1)) from chains as c left join counts_as as f
        on f.trace_id = c.trace_id where c.partial) as partial_chains,
    (select count(*) from signatures) as signatures,
    (select count(*) from shapes) as shapes
