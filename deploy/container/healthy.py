"""Exit 0 when the service beside it is alive: `healthy.py [ADDRESS]`, by default 127.0.0.1:8480."""

import ssl
import sys
import urllib.request

TIMEOUT_S = 5


def is_alive(address: str) -> bool:
    """Whether /healthz says so, with TLS or without; the certificate names others than loopback."""
    own = ssl.create_default_context()
    own.check_hostname, own.verify_mode = False, ssl.CERT_NONE
    for scheme in ("http", "https"):
        try:
            with urllib.request.urlopen(
                f"{scheme}://{address}/healthz", timeout=TIMEOUT_S, context=own
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            continue
    return False


if __name__ == "__main__":
    sys.exit(not is_alive(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8480"))
