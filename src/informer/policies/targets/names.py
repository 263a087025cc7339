"""Names of services, which may be anything, as names that Kubernetes and Envoy take."""

import hashlib
import re

LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z){DNS_LABEL.pattern}(?:\.{DNS_LABEL.pattern})*")
LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?" + LABEL_VALUE.pattern)
LONGEST = 36  # with what stands around it and the hash, no more than the 63 of a DNS label
DIGITS = 12  # of the hash: 48 bits
SPELT = re.compile(rf".*-[0-9a-f]{{{DIGITS}}}")


def dns_label(name: str) -> str:
    """A DNS label of its own for every name; the name itself where it is one and short.

    >>> dns_label("cart"), dns_label("Cart ")
    ('cart', 'cart-1b6b96aca7a3')
    """
    if DNS_LABEL.fullmatch(name) and len(name) <= LONGEST and not SPELT.fullmatch(name):
        return name
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-")
    own = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
    return f"{kept or 'service'}-{own}"
