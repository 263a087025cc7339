"""The facts of a call that rules may ask for, and the type of each."""

from informer.core.errors import InformerError

NUMBER, TEXT, TIME = "number", "text", "time"
TYPES = (NUMBER, TEXT, TIME)

FIELDS = {
    "caller": TEXT,
    "callee": TEXT,
    "method": TEXT,
    "kind": TEXT,
    "pattern": TEXT,
    "entry": TEXT,
    "previous": TEXT,
    "depth": NUMBER,
    "size": NUMBER,
    "now": TIME,
    "hour": NUMBER,
    "weekday": NUMBER,
}
REPLY_FIELDS = {"status": NUMBER, "duration": TIME, "body": TEXT}
REPLY_TRUTHS = ("failed", "refused")


def rpc_text(caller: str, callee: str, method: str) -> str:
    """How `entry`, `previous` and `chain has` name an rpc.

    >>> rpc_text("web", "cart", "GET /cart")
    'web>cart:GET /cart'
    """
    return f"{caller}>{callee}:{method}"


class RuleError(InformerError):
    """A mistake in rules, with the place: `shop.rules:3:14: what is wrong`."""

    def __init__(self, name: str, line: int, column: int, why: str) -> None:
        super().__init__(f"{name}:{line}:{column}: {why}")
        self.line, self.column = line, column
