-- One row is a span that hangs below a brother: the serving span of its own service there.
-- A proxy's caller sends one context to proxy and application alike, so what the application does
-- next seems to be done by the caller of the proxy.
create or replace table rehung_spans as
with strays as (
    select trace_id, span_id, twin, service, up_span_id, up_twin
    from cut_spans
    where
        kind not in ('server', 'consumer')
        and up_kind in ('client', 'producer')
        and up_service <> service
)

select trace_id, span_id, twin, brother_span_id as up_span_id, brother_twin as up_twin
from (
    select
        s.trace_id,
        s.span_id,
        s.twin,
        b.span_id as brother_span_id,
        b.twin as brother_twin,
        row_number() over (
            partition by s.trace_id, s.span_id, s.twin
            order by b.kind, b.start_ns, b.duration_ns, b.span_id
        ) as nth
    from strays as s
    inner join cut_spans as b
        on
            b.trace_id = s.trace_id
            and b.up_span_id = s.up_span_id
            and b.up_twin = s.up_twin
            and b.service = s.service
    where b.kind in ('server', 'consumer')
) as ranked
where nth = 1
