"""The exceptions that are shown to a person, and the one that a sink gives."""


class InformerError(Exception):
    """Something the user can mend: printed bare as one line, exit 2.

    The text names the thing, the rule and the value, such as
    `alerts.budget_per_day must be > 0, got -1`. Every other exception is a
    defect of ours and keeps its traceback.
    """


class UnknownError(InformerError):
    """Nothing has the id that was given."""


class Undelivered(Exception):  # noqa: N818 (it is no defect)
    """A sink was not reached or did not take a notice; the text holds no secret."""

    def __init__(self, why: str, *, lasting: bool = False, again_s: float = 0.0) -> None:
        """`lasting`: no use to try again; `again_s`: the receiver asked to wait so long."""
        super().__init__(why)
        self.lasting = lasting
        self.again_s = again_s
