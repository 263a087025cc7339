"""Scripts and styles, out of the package and out of memory."""

from starlette.requests import Request
from starlette.responses import Response

from informer.web.console import assets

FOREVER = "public, max-age=31536000, immutable"


async def asset(request: Request) -> Response:
    """GET /static/NAME: its address changes when it does."""
    found = assets().get(request.path_params["name"])
    if found is None:
        return Response("there is no such file", 404, media_type="text/plain")
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, headers=headers, media_type=found.media_type)
    return Response(found.body, headers=headers, media_type=found.media_type)
