-- One row is a kind of link that was not met before.
select distinct
    s.service, s.method, s.kind, s.peer, s.up_service, s.up_method, s.up_kind, s.up_peer,
    s.lost, s.again
from slice_links as s
left join links as k
    on
        k.service = s.service and k.method = s.method and k.kind = s.kind
        and k.peer is not distinct from s.peer
        and k.up_service is not distinct from s.up_service
        and k.up_method is not distinct from s.up_method
        and k.up_kind is not distinct from s.up_kind
        and k.up_peer is not distinct from s.up_peer
        and k.lost = s.lost and k.again = s.again
where k.link_id is null
order by all
