-- One row is a trace that stands for others alike, or (with 0) for none; what is not here stands
-- for itself. With place 0 it was drawn at random: what it alone does is not learned.
create table if not exists counts_as (
    trace_id varchar, chains bigint, chains_e6 bigint, failed_e6 bigint, first_ns bigint,
    last_ns bigint, sampled boolean, place integer
);
