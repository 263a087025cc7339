"""Globs: `*` is any run of characters, everything else is itself."""


def fits(text: str, glob: str) -> bool:
    """Whether a glob fits the whole text; never slower than length times length.

    >>> fits("GET /cart/{id}", "GET /cart*"), fits("POST /cart", "GET *")
    (True, False)
    """
    first, *rest = glob.split("*")
    if not rest:
        return text == glob
    *middle, last = rest
    end = len(text) - len(last)
    if end < len(first) or not (text.startswith(first) and text.endswith(last)):
        return False
    at = len(first)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
