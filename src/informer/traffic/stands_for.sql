-- One row is a pattern and what one of its chains stands for, where traffic is sampled.
-- A sum of chains that stand for w each has variance sum(w * w) (`squares`) and mean sum(w).
select
    m.pattern_id,
    greatest(sum(h.squares) / sum(h.chains), 1) as stands_for
from shape_weights as h
join members as m on m.shape_id = h.shape_id
group by 1
order by 1;
