-- One row is a trace that stands for others alike, or (with 0) for none; what is not here stands
-- for itself.
create table if not exists counts_as (
    trace_id varchar, chains bigint, chains_e6 bigint, failed_e6 bigint, first_ns bigint,
    last_ns bigint, sampled boolean
);
