-- One row is what spans of the slice say; `saying` is a hash of it.
create or replace temp table sayings as
select distinct
    cast(hash(
        service, operation, kind, peer, cast(failed as varchar), cast(refused as varchar),
        cast(weight as varchar), version, $salt
    ) >> 1 as bigint) as saying,
    service,
    operation,
    kind,
    peer,
    failed,
    refused,
    weight,
    version
from slice_spans
