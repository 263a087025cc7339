"""The sinks that the settings ask for; the log is always one of them."""

from pathlib import Path

from informer.config.settings import Settings
from informer.config.sinks import AlertmanagerSettings, WebhookSettings
from informer.core.errors import InformerError
from informer.core.ports import Sink
from informer.sinks.alertmanager import PATH, AlertmanagerSink
from informer.sinks.http_post import Post
from informer.sinks.log import LogSink
from informer.sinks.webhook import BodyOf, WebhookSink, templated


def sinks_of(settings: Settings) -> list[Sink]:
    """Errors: InformerError for a file or an address of no use; its content is not said."""
    sinks: list[Sink] = [LogSink()]
    all_alerts = {"alertmanager": settings.alertmanager} | {
        f"alertmanagers.{name}": each for name, each in settings.alertmanagers.items()
    }
    hooks = {"webhook": settings.webhook} | {
        f"webhooks.{name}": each for name, each in settings.webhooks.items()
    }
    for name, alerts in all_alerts.items():
        if alerts.url:
            sinks.append(_alertmanager(name, alerts))
        elif "." in name:
            raise InformerError(f"{name}.url must be given")
    for name, hook in hooks.items():
        if hook.url and hook.url_file:
            raise InformerError(f"{name}.url and {name}.url_file must not be given together")
        if hook.url or hook.url_file:
            sinks.append(_webhook(name, hook))
        elif "." in name:
            raise InformerError(f"{name}.url or {name}.url_file must be given")
    return sinks


def _alertmanager(name: str, alerts: AlertmanagerSettings) -> Sink:
    token = _secret(f"{name}.token_file", alerts.token_file)
    address = alerts.url.rstrip("/") + PATH
    post = _post(f"{name}.url", address, alerts.timeout_s, token)
    return AlertmanagerSink(post, refresh_s=alerts.refresh_s, name=name)


def _webhook(name: str, hook: WebhookSettings) -> Sink:
    token = _secret(f"{name}.token_file", hook.token_file)
    address = hook.url or _secret(f"{name}.url_file", hook.url_file)
    secret = _secret(f"{name}.secret_file", hook.secret_file).encode()
    post = _post(f"{name}.url" if hook.url else f"{name}.url_file", address, hook.timeout_s, token)
    form = _template(name, hook) if hook.form == "template" else hook.form
    return WebhookSink(post, form=form, secret=secret, name=name)


def _template(name: str, hook: WebhookSettings) -> tuple[str, BodyOf]:
    try:
        text = Path(hook.template_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InformerError(
            f"{name}.template_file must be a readable file, got {hook.template_file!r}"
        ) from error
    try:
        return templated(text, hook.content_type)
    except ValueError as error:
        raise InformerError(f"{name}.template_file {error}: {hook.template_file}") from None


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
