-- One row is, in every table here, a sum of some slice: rows are only added, and summed at the end.
create table if not exists links (
    link_id bigint, code bigint, service varchar, method varchar, kind varchar, peer varchar,
    up_service varchar, up_method varchar, up_kind varchar, up_peer varchar, lost boolean,
    again boolean
);
create table if not exists outlines (outline_id bigint, code_sum bigint, lines integer);
create table if not exists outline_steps (
    outline_id bigint, step_start_ns bigint, chains bigint, chains_e6 bigint, squares double,
    failed_e6 bigint, first_ns bigint, last_ns bigint
);
create table if not exists line_kinds (
    line_kind integer, link_id bigint, version varchar, failed boolean, refused boolean, weight_e6 bigint
);
create table if not exists cells (cell integer, outline_id integer, line_kind integer);
create table if not exists cell_counts (
    first_step_ns bigint, last_step_ns bigint, size bigint, runs bigint[], counts bigint[]
);
create table if not exists kept_traces (
    trace bigint, trace_id varchar, outline_id bigint, place integer, sampled boolean, start_ns bigint
);
create table if not exists kept_lines (outline_id bigint, line bigint, link_id bigint, start_ns bigint);
