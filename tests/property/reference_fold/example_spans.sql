-- One row is a span of a trace of the slice that is kept whole.
create or replace temp table example_spans as
select * from slice_spans
where cast(hash(trace_id, $salt) >> 1 as bigint) in (select trace from slice_examples)
