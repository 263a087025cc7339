-- One row is an outline that is kept, while there is room for more.
insert into outlines
select outline_id, code_sum, lines from met_outlines where outline_id <= $most
