-- One row is a pair of sayings in the slice, the link it is, and what came of the call.
create or replace temp table numbered_links as
select
    s.pair,
    s.saying,
    s.up_saying,
    s.up_outcome,
    s.again,
    s.up_saying = 0 as top,
    not s.inside and (s.failed or (s.by_caller and s.up_failed)) as failed,
    not s.inside and (s.refused or (s.by_caller and s.up_refused)) as refused,
    s.weight_e6,
    s.version,
    k.link_id,
    k.code
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
