-- One row is a link that some part has met (`links`), and its number there (`link_places`).
insert into links
select
    row_number() over (
        order by code, service, method, kind, peer, up_service, up_method, up_kind, up_peer, lost, again
    ),
    *
from (
    select distinct
        code, service, method, kind, peer, up_service, up_method, up_kind, up_peer, lost, again
    from part_links
);
create or replace temp table link_places as
select p.part, p.link_id as there, k.link_id
from part_links as p
inner join links as k
    on
        k.service = p.service and k.method = p.method and k.kind = p.kind
        and k.peer is not distinct from p.peer
        and k.up_service is not distinct from p.up_service
        and k.up_method is not distinct from p.up_method
        and k.up_kind is not distinct from p.up_kind
        and k.up_peer is not distinct from p.up_peer
        and k.lost = p.lost and k.again = p.again
