"""What every sink owes: it tells what it is given, harmlessly, or says plainly that it did not."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from informer.core.errors import Undelivered
from informer.core.ports import Sink
from informer.core.types import Json, Notice
from informer.sinks.alertmanager import PATH, AlertmanagerSink
from informer.sinks.http_post import Post
from informer.sinks.log import LogSink
from informer.sinks.webhook import ID, SIGNATURE, TIMESTAMP, WebhookSink, signature, templated
from receiver import Receiver, receiving

NOW_NS = 1_800_000_000 * 10**9
SECRET, TOKEN, PRIVATE = "s3cret-key", "t0ken-text", "pr1vate-path"
RPC = {"caller": "shop", "callee": "cart", "method": "GET /cart"}
DOCUMENT: Json = {
    "id": "abc", "kind": "volume", "severity": "high", "opened_ns": NOW_NS - 60 * 10**9,
    "resolved_ns": None, "score": 9.0, "title": "far more calls", "patterns": [],
    "rpcs": [RPC], "examples": [],
}  # fmt: skip
FIRING = Notice("abc-1", "abc", 1, "firing", "high", None, NOW_NS, DOCUMENT)
RESOLVED = replace(
    FIRING,
    notice_id="abc-2",
    sequence=2,
    state="resolved",
    document=DOCUMENT | {"resolved_ns": NOW_NS},
)
NASTY = "<!channel> \x1b[31m\u202e \n\r\"'{{ .Labels }} " + "x" * 100_000
HOSTILE = replace(
    FIRING,
    document=DOCUMENT
    | {"title": NASTY, "kind": NASTY, "rpcs": [dict.fromkeys(RPC, NASTY)] * 1_000},
)

TEMPLATE = (
    '{"text": "{{ incident.title }} ({{ severity }}): {{ calls }}", '
    '"id": {{ incident.id | tojson }}, "over": {{ incident.resolved_ns }}}'
)

Maker = Callable[[str], Sink]


def post(url: str) -> Post:
    return Post(url, timeout_s=5, token=TOKEN)


MAKERS: dict[str, Maker] = {
    "log": lambda url: LogSink(),
    "webhook": lambda url: WebhookSink(post(f"{url}/{PRIVATE}"), secret=SECRET.encode()),
    "cloudevents": lambda url: WebhookSink(post(f"{url}/{PRIVATE}"), form="cloudevents"),
    "template": lambda url: WebhookSink(
        post(f"{url}/{PRIVATE}"), form=templated(TEMPLATE, "application/json")
    ),
    "slack": lambda url: WebhookSink(post(f"{url}/{PRIVATE}"), form="slack"),
    "alertmanager": lambda url: AlertmanagerSink(post(f"{url}/{PRIVATE}{PATH}"), refresh_s=60),
}
every_sink = pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
posting = pytest.mark.parametrize(
    "maker", [m for n, m in MAKERS.items() if n != "log"], ids=[n for n in MAKERS if n != "log"]
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def tell(maker: Maker, receiver: Receiver, *notices: Notice) -> None:
    async def all_of_them() -> None:
        sink = maker(receiver.url)
        try:
            for notice in notices:
                await sink.deliver(notice, NOW_NS)
        finally:
            await sink.aclose()

    asyncio.run(all_of_them())


def refusal(maker: Maker, receiver: Receiver) -> Undelivered:
    with pytest.raises(Undelivered) as refused:
        tell(maker, receiver, FIRING)
    return refused.value


def told(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> list[str]:
    return [body.decode() for _, _, body in receiver.came] or caplog.messages


@every_sink
def test_it_tells_of_incidents_that_open_and_end(
    maker: Maker, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    tell(maker, receiver, FIRING, RESOLVED)
    texts = told(receiver, caplog)
    assert len(texts) == 2
    for text in texts:
        for part in ("abc", "high", "far more calls", "GET /cart"):
            assert part in text


@every_sink
def test_names_from_strangers_come_bounded_and_harmless(
    maker: Maker, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    tell(maker, receiver, HOSTILE)
    (text,) = told(receiver, caplog)
    assert len(text) < 500_000
    assert "\n" not in text
    assert all(bad not in text for bad in ("\x1b", "\\u001b", "\u202e", "\\u202e"))


@every_sink
def test_secrets_do_not_show(
    maker: Maker, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tell(maker, receiver, FIRING)
    shown = repr(maker(receiver.url)) + "".join(r.getMessage() for r in caplog.records)
    assert all(secret not in shown for secret in (SECRET, TOKEN, PRIVATE))


@posting
def test_it_shows_its_token(maker: Maker, receiver: Receiver) -> None:
    tell(maker, receiver, FIRING)
    assert receiver.came[0][1]["authorization"] == f"Bearer {TOKEN}"


@posting
@pytest.mark.parametrize(
    ("status", "lasting"), [(500, False), (503, False), (429, False), (400, True), (404, True)]
)
def test_a_refusal_says_whether_trying_again_is_of_use(
    maker: Maker, receiver: Receiver, status: int, lasting: bool
) -> None:
    receiver.statuses = [status]
    refused = refusal(maker, receiver)
    assert refused.lasting is lasting
    assert str(refused) == f"127.0.0.1: status {status}"


@posting
def test_a_receiver_may_ask_to_wait(maker: Maker, receiver: Receiver) -> None:
    receiver.statuses, receiver.answer_headers = [429], {"retry-after": "17"}
    assert refusal(maker, receiver).again_s == 17


@posting
def test_nobody_listening_may_be_tried_again_and_names_no_secret(maker: Maker) -> None:
    with receiving() as gone:
        pass
    refused = refusal(maker, gone)
    assert not refused.lasting
    assert str(refused) == "127.0.0.1: ConnectError"
    assert refused.__cause__ is None


@posting
def test_a_redirect_is_not_followed(maker: Maker, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.statuses, receiver.answer_headers = [307], {"location": elsewhere.url}
        assert refusal(maker, receiver).lasting
        assert elsewhere.came == []


@posting
@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_answer_is_not_read(maker: Maker, receiver: Receiver, status: int) -> None:
    receiver.statuses, receiver.answer_pieces = [status], 64
    if status == 200:
        tell(maker, receiver, FIRING)
    else:
        refusal(maker, receiver)
    assert receiver.sent_pieces < 64


def test_a_webhook_is_signed_with_the_time(receiver: Receiver) -> None:
    tell(MAKERS["webhook"], receiver, FIRING)
    _, headers, body = receiver.came[0]
    assert headers[ID] == "abc-1"
    assert headers[TIMESTAMP] == "1800000000"
    assert headers[SIGNATURE] == signature(SECRET.encode(), "1800000000", body)
    assert receiver.bodies[0]["incident"] == DOCUMENT


def test_a_cloud_event_has_the_same_name_each_time(receiver: Receiver) -> None:
    tell(MAKERS["cloudevents"], receiver, FIRING, FIRING, RESOLVED)
    assert receiver.came[0][1]["content-type"] == "application/cloudevents+json"
    first, double, over = receiver.bodies
    assert first == double
    assert first.pop("data")["incident"] == DOCUMENT
    assert first == {
        "specversion": "1.0",
        "id": "abc-1",
        "source": "/informer",
        "type": "informer.incident.firing",
        "subject": "abc",
        "time": "2027-01-15T08:00:00.000+00:00",
        "datacontenttype": "application/json",
    }
    assert (over["id"], over["type"]) == ("abc-2", "informer.incident.resolved")


def test_a_chat_message_mentions_nobody(receiver: Receiver) -> None:
    tell(MAKERS["slack"], receiver, HOSTILE)
    assert "<" not in receiver.bodies[0]["text"]
    assert "&lt;!channel&gt;" in receiver.bodies[0]["text"]


def test_an_alert_ends_later_while_the_incident_is_open_and_now_when_it_is_over(
    receiver: Receiver,
) -> None:
    tell(MAKERS["alertmanager"], receiver, FIRING, RESOLVED)
    assert receiver.came[0][0] == f"/{PRIVATE}{PATH}"
    (first,), (last,) = receiver.bodies
    assert first["labels"] == last["labels"]
    assert first["startsAt"] == "2027-01-15T07:59:00.000+00:00"
    assert first["endsAt"] == "2027-01-15T08:04:00.000+00:00"
    assert last["endsAt"] == "2027-01-15T08:00:00.000+00:00"


def test_a_new_severity_ends_the_alert_with_the_former(receiver: Receiver) -> None:
    tell(MAKERS["alertmanager"], receiver, replace(FIRING, former="low"))
    now, before = receiver.bodies[0]
    assert (now["labels"]["severity"], before["labels"]["severity"]) == ("high", "low")
    assert before["endsAt"] == "2027-01-15T08:00:00.000+00:00"


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "http://", "https://me:pw@host/"])
def test_an_address_of_no_use_is_refused_and_not_said(url: str) -> None:
    with pytest.raises(ValueError, match="must be http") as error:
        Post(url, timeout_s=1)
    assert "pw" not in str(error.value)


def test_a_template_makes_json_of_whatever_names_come(receiver: Receiver) -> None:
    tell(MAKERS["template"], receiver, HOSTILE, RESOLVED)
    hostile, over = receiver.bodies
    assert hostile["over"] is None
    assert "<!channel>" in hostile["text"]
    assert over == {
        "text": "far more calls (high): shop > cart GET /cart", "id": "abc", "over": NOW_NS,
    }  # fmt: skip


def test_names_in_html_are_escaped_and_in_text_are_not(receiver: Receiver) -> None:
    for kind in ("text/html", "text/plain"):
        form = templated("{{ incident.title }}", kind)
        tell(lambda url, form=form: WebhookSink(post(url), form=form), receiver, HOSTILE)  # type: ignore[misc]
    html, text = (body.decode() for _, _, body in receiver.came)
    assert html.startswith("&lt;!channel&gt;")
    assert text.startswith("<!channel>")
    assert [headers["content-type"] for _, headers, _ in receiver.came] == [
        "text/html",
        "text/plain",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ incident.title", "is no template"),
        ("{{ incident.nothing }}", "fails: UndefinedError"),
        ('{"text": {{ incident.title }}}', "must make JSON"),
        ("{{ ''.__class__.__mro__ }}", "fails: SecurityError"),
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "fails: OverflowError"),
        ("\"{{ 'x' * 2000000 }}\"", "may make"),
    ],
)
def test_a_template_of_no_use_is_refused_at_the_start(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        templated(text, "application/json")
