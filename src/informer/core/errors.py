"""The one exception that is shown to a person."""


class InformerError(Exception):
    """Something the user can mend: printed bare as one line, exit 2.

    The text names the thing, the rule and the value, such as
    `alerts.budget_per_day must be > 0, got -1`. Every other exception is a
    defect of ours and keeps its traceback.
    """
