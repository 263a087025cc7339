-- one row is a span as received: what its attributes say, in the columns of `spans`
judged as (
    select
        * replace (
            left(trace_id, 256) as trace_id,
            left(span_id, 256) as span_id,
            case
                when parent_span_id in ('', 'root', '-1', '0000000000000000') then null
                else left(parent_span_id, 256)
            end as parent_span_id,
            -- Envoy may call every span a server span: its cluster says which side it stood on
            case
                when said_cluster like 'outbound|%' or said_cluster = 'PassthroughCluster' then 'client'
                when said_cluster like 'inbound|%' or said_cluster like 'InboundPassthrough%' then 'server'
                when lower(kind) in ('server', '2', 'span_kind_server', 'entry') then 'server'
                when lower(kind) in ('client', '3', 'span_kind_client', 'exit') then 'client'
                when lower(kind) in ('producer', '4', 'span_kind_producer') then 'producer'
                when lower(kind) in ('consumer', '5', 'span_kind_consumer') then 'consumer'
                when lower(kind) in ('internal', '1', 'span_kind_internal', 'local') then 'internal'
                else 'unspecified'
            end as kind,
            greatest(coalesce(duration_ns, 0), 0) as duration_ns
        ),
        coalesce(
            status_code,
            try_cast(said_grpc_status as bigint),
            nullif(list_position(
                ['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND',
                 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION',
                 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS',
                 'UNAUTHENTICATED'],
                upper(said_grpc_status)
            ), 0) - 1,
            case when try_cast(said_http_status as bigint) between 100 and 599
                then try_cast(said_http_status as bigint) end
        ) as code,
        -- a proxy that writes status 0 never saw an answer: the caller gave up, or nobody was there
        said_http_status = '0' and (
            said_http_method is not null
            or regexp_matches(coalesce(said_flags, ''), 'UF|UH|UT|URX|NC')
        ) as unanswered,
        case
            when trace_id is null and span_id is null and service is null and start_ns is null
                then 'unreadable'
            -- zeros are no id, says OpenTelemetry: all who send them would be one request
            when coalesce(trace_id, '') in ('', '00000000000000000000000000000000')
                then 'missing_trace_id'
            when coalesce(span_id, '') in ('', '0000000000000000') then 'missing_span_id'
            when coalesce(service, '') = '' then 'missing_service'
            when coalesce(start_ns, 0) <= 0 then 'missing_time'
        end as reason,
        coalesce(duration_ns < 0, false) as backwards,
        coalesce(
            split_part(split_part(
                regexp_replace(coalesce(said_path, said_url), '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*', ''),
            '?', 1), '#', 1),
            ''
        ) as path,
        nullif(regexp_extract(said_url, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^@/?#]*@)?([^/?#]+)', 1), '')
            as url_host
    from said
),
answered as (
    -- a status that says "refused" outranks OTLP's ERROR, which clients set on every 4xx
    select
        *,
        coalesce(code between 400 and 499 or code in (3, 5, 6, 7, 8, 9, 10, 11, 16), false) as is_refused,
        case
            when kind in ('server', 'consumer') then coalesce(peer, said_peer_service)
            when kind not in ('client', 'producer') then peer
            else coalesce(
                peer,
                nullif(split_part(said_cluster, '|', 4), ''),
                said_peer_service,
                case when not regexp_matches(coalesce(said_host, url_host), '^[0-9.]+(:[0-9]+)?$|:.*:')
                    then coalesce(said_host, url_host) end,
                said_db_system, said_queue_system, said_queue,
                said_host, url_host, said_host_ip
            )
        end as other_side
    from judged
),
named as (
    select
        * replace (
            coalesce(
                case when said_route is not null
                    then concat_ws(' ', said_http_method, said_route) end,
                case when regexp_matches(operation, '^([A-Za-z]+ )?/.*[{<:*]') then operation end,
                case
                    when said_rpc_service is not null
                        then concat_ws('/', said_rpc_service, said_rpc_method)
                    when contains(said_rpc_method, '/') then said_rpc_method
                end,
                case when said_queue is not null
                    then concat_ws(' ', said_queue_action, said_queue) end,
                case when said_db_system is not null then coalesce(
                    said_db_summary,
                    case when said_db_action is not null
                        then concat_ws(' ', said_db_action, said_db_target) end,
                    operation
                ) end,
                case
                    when coalesce(said_path, said_url) is null then null
                    else concat_ws(' ', said_http_method, if(path = '', '/', path))
                end,
                nullif(operation, ''),
                '*'
            ) as operation,
            -- `ratings.default.svc.cluster.local:9080` is the service `ratings`
            case
                when other_side is null then null
                when contains(other_side, '.svc') then coalesce(
                    nullif(regexp_extract(other_side, '(?:^|\.)([^.:]+)\.[^.:]+\.svc(?:[.:]|$)', 1), ''),
                    other_side
                )
                else regexp_replace(other_side, '^(?:\[([^\]]+)\]|([^:]+)):[0-9]+$', '\1\2')
            end as peer,
            coalesce(
                version,
                said_service_version,
                -- sidecar~10.0.0.7~reviews-v1-6f6cfc45b-d9pnv.default~... runs workload reviews-v1
                regexp_replace(
                    nullif(regexp_extract(said_node, '^[a-z]+~[^~]*~(.+)\.[^.~]+~', 1), ''),
                    '-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$', ''
                ),
                said_revision,
                said_template_hash,
                nullif(regexp_extract(
                    said_pod,
                    '-([bcdfghjklmnpqrstvwxz2456789]{6,10})-[bcdfghjklmnpqrstvwxz2456789]{5}$', 1
                ), '')
            ) as version,
            -- a sampler that kept this span with probability p says so: it stands for 1 / p spans
            least(greatest(coalesce(
                case when not isnan(weight) then weight end,
                1 / (1 - try_cast('0x' || rpad(
                    nullif(regexp_extract(trace_state, 'ot=[^,]*?\bth:([0-9a-f]{1,14})', 1), ''), 14, '0'
                ) as bigint) / 72057594037927936.0),
                pow(2, try_cast(
                    nullif(regexp_extract(trace_state, 'ot=[^,]*?\bp:([0-9]{1,2})', 1), '') as int
                )),
                try_cast(said_sample_rate as double),
                1 / nullif(try_cast(said_sampling_probability as double), 0),
                case when said_sampler_type = 'probabilistic'
                    then 1 / nullif(try_cast(said_sampler_param as double), 0) end,
                1
            ), 1), 1e6) as weight
        )
    from answered
),
kept as (
    select
        *,
        coalesce(failed, false) or coalesce(unanswered, false)
            or coalesce(code >= 500 or code in (2, 4, 12, 13, 14, 15), false) as is_failed
    from named
)
