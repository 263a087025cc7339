-- One row is a pair of name hashes in the slice, and the link it is.
create or replace temp table numbered_links as
select s.name, s.up_name, s.lost, s.again, s.by_caller, s.inside, k.link_id, k.code
from slice_links as s
inner join links as k
    on
        k.service = s.service and k.method = s.method and k.kind = s.kind
        and k.peer is not distinct from s.peer
        and k.up_service is not distinct from s.up_service
        and k.up_method is not distinct from s.up_method
        and k.up_kind is not distinct from s.up_kind
        and k.up_peer is not distinct from s.up_peer
        and k.lost = s.lost and k.again = s.again
