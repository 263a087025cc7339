-- one row: how many spans carry a request id, and how many requests and traces they make
carried as (
    select trace_id, attributes ->> 'x-request-id' as request_id from chosen
)
select
    count(*) as spans,
    count(request_id) as carrying,
    count(distinct request_id) as requests,
    count(distinct trace_id) filter (where request_id is not null) as traces
from carried
