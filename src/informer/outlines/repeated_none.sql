-- One row would be a span id that came more than once in its trace, where there is one.
create or replace temp table repeated_lines as
select line, saying, 0 as outcome from lines where line is null
