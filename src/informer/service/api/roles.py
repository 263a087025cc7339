"""Who may do what by the API: tokens with roles, read once at the start."""

import hmac
import logging
import re
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from informer.core.errors import InformerError
from informer.service.access import BEARER

READ, DECIDE = "read", "decide"
ROLES = (READ, DECIDE)  # who may decide may read as well
SHORTEST = 16  # characters of a token that is written as it is: it must not be guessed
HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.@-]{0,79}")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks, and in which role."""

    who: str
    role: str

    @property
    def may_decide(self) -> bool:
        """Whether it is more than reading."""
        return self.role == DECIDE


@dataclass(frozen=True, slots=True)
class ApiTokens:
    """Hashes of the tokens that are known, and who holds them; the tokens are not kept."""

    holders: tuple[tuple[bytes, Holder], ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, path: str) -> "ApiTokens":
        """Lines of `ROLE TOKEN [NAME]` or `ROLE sha256:HEX [NAME]`; an empty path means none.

        Errors: InformerError that names the line, and nothing of what stands in it.
        """
        if not path:
            return cls()
        try:
            text = Path(path).read_text(encoding="utf-8")
            mode = Path(path).stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            raise InformerError(f"serve.api_tokens_file must be a readable file: {path}") from error
        holders: dict[bytes, Holder] = {}
        plain = False
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split(maxsplit=2)
            if not words or words[0].startswith("#"):
                continue
            digest, holder = _entry(words, f"{path}, line {number}")
            if digest in holders:
                raise InformerError(f"{path}, line {number}: the token must not be there twice")
            holders[digest] = holder
            plain = plain or not HASHED.fullmatch(words[1])
        if not holders:
            raise InformerError(f"{path} must hold at least one line `ROLE TOKEN [NAME]`")
        if plain and mode & (stat.S_IRWXG | stat.S_IRWXO):
            log.warning("%s holds tokens as they are, and others than its owner may read it", path)
        return cls(tuple(holders.items()))

    def holder(self, authorization: str) -> Holder | None:
        """Whose token an Authorization header shows; all are compared, each in full."""
        if not authorization.lower().startswith(BEARER):
            return None
        given = _digest(authorization[len(BEARER) :].strip())
        found = [h for digest, h in self.holders if hmac.compare_digest(digest, given)]
        return found[0] if found else None


def _entry(words: list[str], place: str) -> tuple[bytes, Holder]:
    role, token = words[0], words[1] if len(words) > 1 else ""
    if role not in ROLES:
        raise InformerError(f"{place}: must begin with one of {', '.join(ROLES)}")
    hashed = HASHED.fullmatch(token)
    if not hashed and (len(token) < SHORTEST or not token.isascii() or not token.isprintable()):
        raise InformerError(
            f"{place}: a token must be {SHORTEST} or more characters of ASCII, or sha256: and 64 "
            "hexadecimal digits"
        )
    digest = bytes.fromhex(hashed[1]) if hashed else _digest(token)
    name = words[2].strip() if len(words) > 2 else f"token {digest.hex()[:8]}"
    if not NAME.fullmatch(name):
        raise InformerError(
            f"{place}: a name must be up to 80 letters, digits, spaces or any of _ . @ -"
        )
    return digest, Holder(name, role)


def _digest(token: str) -> bytes:
    # Tokens are random and long: there is nothing to guess that salt would slow down.
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
