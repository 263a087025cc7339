"""SQL of single columns of `spans`: names and attributes of bounded length."""

from informer.spans.meanings import KEPT_FIRST, LONGEST_OBJECT, LONGEST_VALUE, MOST_KEYS, quoted

LONGEST_NAME = 256
# Control characters, and those that turn the direction of a line of text.
UNSEEN = r"[\x{00}-\x{1f}\x{7f}-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}]"


def name(column: str) -> str:
    """A name of bounded length in which nothing can hide."""
    short = f"left({column}, {LONGEST_NAME})"
    return (
        f"nullif(case when regexp_matches({column}, '{UNSEEN}') "
        f"then regexp_replace({short}, '{UNSEEN}', ' ', 'g') else {short} end, '')"
    )


def bounded() -> str:
    """The attributes as a JSON object of strings, with few keys and short values."""
    return f"case when attributes is null then '{{}}' when {_is_bounded()} " + (
        f"then {renamed()} else coalesce(try({_cut()}), '{{}}') end"
    )


def renamed() -> str:
    """Attributes that are in bounds; Envoy's name of the request id becomes the usual one."""
    return "replace(attributes, '\"guid:x-request-id\"', '\"x-request-id\"')"


def _is_bounded() -> str:
    """Most attributes are as they should be, and taking them as they are is quick."""
    return f"""(
        length(attributes) <= {LONGEST_OBJECT}
        and not contains(attributes, '\\')
        and not contains(attributes, '"x-request-id"')
        and not regexp_matches(attributes, '"\\s*:\\s*[^"\\s]')
        and len(try(json_keys(attributes))) <= {MOST_KEYS}
        and list_max([length(v) for v in try(json_extract_string(attributes, '$.*'))])
            <= {LONGEST_VALUE}
    )"""


def _cut() -> str:
    """Key by key, evidence first when there are too many; anything but an object becomes `{}`."""
    first = ", ".join(quoted(k) for k in KEPT_FIRST)
    evidence = f"(e[1] in ({first}) or regexp_matches(e[1], '^(db|messaging|http)[.]'))"
    entries = "list_zip(json_keys(attributes), json_extract_string(attributes, '$.*'))"
    kept = f"""(
        case when len(json_keys(attributes)) > {MOST_KEYS}
            then ([e for e in {entries} if {evidence}] || [e for e in {entries} if not {evidence}])
            else {entries} end
    )[:{MOST_KEYS}]"""
    key = "if(e[1] = 'guid:x-request-id', 'x-request-id', e[1])"
    pair = f"to_json({key})::varchar || ':' || to_json(left(e[2], {LONGEST_VALUE}))::varchar"
    usable = f"""e[2] is not null and length(e[1]) <= {LONGEST_VALUE}
        and (e[1] <> 'guid:x-request-id' or not contains(attributes, '"x-request-id"'))"""
    return f"'{{' || array_to_string([{pair} for e in {kept} if {usable}], ',') || '}}'"
