"""The sinks that the settings ask for; the log is always one of them."""

from pathlib import Path

from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.ports import Sink
from informer.sinks.alertmanager import PATH, AlertmanagerSink
from informer.sinks.http_post import Post
from informer.sinks.log import LogSink
from informer.sinks.webhook import WebhookSink


def sinks_of(settings: Settings) -> list[Sink]:
    """Errors: InformerError for a file or an address of no use; its content is not said."""
    sinks: list[Sink] = [LogSink()]
    alerts, hook = settings.alertmanager, settings.webhook
    if alerts.url:
        token = _secret("alertmanager.token_file", alerts.token_file)
        address = alerts.url.rstrip("/") + PATH
        post = _post("alertmanager.url", address, alerts.timeout_s, token)
        sinks.append(AlertmanagerSink(post, refresh_s=alerts.refresh_s))
    if hook.url and hook.url_file:
        raise InformerError("webhook.url and webhook.url_file must not be given together")
    if hook.url or hook.url_file:
        token = _secret("webhook.token_file", hook.token_file)
        address = hook.url or _secret("webhook.url_file", hook.url_file)
        name = "webhook.url" if hook.url else "webhook.url_file"
        secret = _secret("webhook.secret_file", hook.secret_file).encode()
        post = _post(name, address, hook.timeout_s, token)
        sinks.append(WebhookSink(post, form=hook.form, secret=secret))
    return sinks


def _post(name: str, url: str, timeout_s: float, token: str) -> Post:
    try:
        return Post(url, timeout_s=timeout_s, token=token)
    except ValueError as error:
        raise InformerError(f"{name} {error}") from None


def _secret(name: str, path: str) -> str:
    """One line of a file, without the space around it; empty for no file."""
    if not path:
        return ""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InformerError(f"{name} must be a readable file, got {path!r}") from error
    if not text or not text.isprintable() or not text.isascii():
        raise InformerError(f"{name} must hold one line of ASCII text: {path}")
    return text
