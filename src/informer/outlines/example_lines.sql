-- One row is a span of a trace of the slice that is kept whole, apart from what it says.
create or replace temp table example_lines as
select * from slice_lines
where cast(hash(trace_id, $salt) >> 1 as bigint) in (select trace from slice_examples)
