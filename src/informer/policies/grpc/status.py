"""Statuses of HTTP as codes of gRPC, and what a code says about a reply."""

from informer.policies.calls import Reply

OK, CANCELLED, UNKNOWN, PERMISSION_DENIED, UNAVAILABLE = 0, 1, 2, 7, 14

# As google.rpc.Code pairs them.
CODES = {
    400: 3,  # INVALID_ARGUMENT
    401: 16,  # UNAUTHENTICATED
    403: PERMISSION_DENIED,
    404: 5,  # NOT_FOUND
    409: 10,  # ABORTED
    412: 9,  # FAILED_PRECONDITION
    416: 11,  # OUT_OF_RANGE
    429: 8,  # RESOURCE_EXHAUSTED
    499: CANCELLED,
    500: 13,  # INTERNAL
    501: 12,  # UNIMPLEMENTED
    503: UNAVAILABLE,
    504: 4,  # DEADLINE_EXCEEDED
}
FAILED = frozenset({2, 4, 12, 13, 14, 15})  # as spans are judged: the fault is the server's
REFUSED = frozenset({3, 5, 6, 7, 8, 9, 10, 11, 16})  # the fault is the caller's


def code_of(status: int) -> int:
    """The code that a denial with a status of HTTP ends with."""
    return CODES.get(status, PERMISSION_DENIED if status < 500 else UNKNOWN)


def reply_of(code: int, duration_ns: int) -> Reply:
    """A reply of gRPC as rules see it: `status` is the code, as in spans."""
    return Reply(code, code in FAILED, code in REFUSED, duration_ns)
