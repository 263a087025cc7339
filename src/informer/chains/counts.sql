-- One row is everything that was counted on the way from spans to shapes.
select
    (select count(*) from spans) as spans,
    (select count(*) from spans) - (select count(*) from cut_spans) as duplicates,
    (select count(distinct trace_id) from spans) as traces,
    (select count(*) from cut_spans where up_span_id is null and not orphan) as roots,
    (select count(*) from cut_spans where orphan) as orphans,
    (select count(*) from calls) as calls,
    (select count(*) from rpcs) as rpcs,
    (select count(*) from chains) as chains,
    (select count(*) from chains where partial) as partial_chains,
    (select count(*) from signatures) as signatures,
    (select count(*) from shapes) as shapes
