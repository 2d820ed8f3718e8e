"""The connection to a broker: a session that the broker keeps, and acknowledgement by hand, after a message is stored.

Messages of quality of service 1 that come while nobody listens wait at the broker. Sparkplug B sends data with quality
of service 0, as its specification asks for: what such a message held is lost with the connection, the gap in the
sequence is seen, and the node is asked to be born anew.

A bridge runs for months and its broker does not: whatever keeps it out (nobody there, a certificate, a password) is
told once, and tried again after 1 s, 2 s and so on up to 30 s, until it is let in.
"""

from __future__ import annotations

import json
import math
import queue
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from trivium.maintenance.mqtt.nodes import PREFIX, Message
from trivium.maintenance.mqtt.payload import write_command
from trivium.service.database import utc_now
from trivium.service.errors import InputError

__all__ = ["Broker", "Connection", "Tls", "read_url"]

log = structlog.get_logger(__name__)

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_MOST_WAITING = 10_000
_RETRY_S = (1, 30)
_REBIRTH = "Node Control/Rebirth"
_REFUSED = "ends the connection before it lets us in"


@dataclass(frozen=True)
class Tls:
    """Files, all PEM, by which a broker is known to us and we to the broker; empty where not given.

    Args:
        ca_file: certificate of the authority that signed the broker's; the system's authorities if empty.
        cert_file: our own certificate, with those between it and an authority that the broker knows.
        key_file: its private key; in `cert_file` if empty.
        key_password: of the private key.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    key_password: str = field(default="", repr=False)


_NO_FILES = Tls()


@dataclass(frozen=True)
class Broker:
    """Where a broker is, and how to be let in."""

    host: str
    port: int
    is_secure: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Tls = _NO_FILES

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


def read_url(url: str, *, password: str = "", tls: Tls = _NO_FILES) -> Broker:
    """Read `mqtt://user@host:port` or `mqtts://...`.

    Raises:
        InputError: if it is neither, or if files of TLS are given for a connection without it or are not complete.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{url!r} is no address ({error})", where="--broker") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InputError(f"{url!r} is no address of a broker", where="--broker", hint="as in mqtt://host:1883")
    secret = password or unquote(parts.password or "")
    is_secure = parts.scheme == "mqtts"
    if not is_secure and tls != _NO_FILES:
        raise InputError("certificates are for mqtts://", where="--broker", hint="write mqtts:// or leave them out")
    if tls.key_file and not tls.cert_file:
        raise InputError("a key without its certificate", where="--key", hint="name the certificate with --cert FILE")
    return Broker(parts.hostname, port or _PORTS[parts.scheme], is_secure, unquote(parts.username or ""), secret, tls)


class Connection:
    """Messages of some subscriptions.

    Args:
        client_id: under which the broker keeps the session; one bridge at a time has it.
        host_id: of a Sparkplug host whose state is told; empty tells none.
        tell: is given a line when the broker lets us in, and one for each new reason why it does not.
    """

    def __init__(
        self,
        broker: Broker,
        subscriptions: Sequence[str],
        *,
        client_id: str,
        host_id: str = "",
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._broker = broker
        self._subscriptions = subscriptions
        self._state_topic = f"{PREFIX}/STATE/{host_id}" if host_id else ""
        self._tell = tell
        self._told = ""  # the trouble that was told last; a connection ends it
        self._waiting: queue.Queue[tuple[str, bytes, datetime, int, int, int]] = queue.Queue(_MOST_WAITING)
        self._number = 0  # of the connection
        self._subscribe_at = math.inf  # a subscription was refused: when it is asked for again
        self._answered = threading.Event()
        self._has_answer = False  # the connection that there is now was accepted or refused
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, False, protocol=MQTTProtocolVersion.MQTTv311, manual_ack=True
        )
        self._client.reconnect_delay_set(*_RETRY_S)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._not_reached
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._arrived

    def open(self, timeout_s: float = 10.0) -> bool:
        """Connect and subscribe, and do so again whenever the connection is not there.

        Returns:
            Whether the broker has let us in by now; if not, that was told, and is tried again.

        Raises:
            InputError: if a certificate or key cannot be used.
        """
        broker = self._broker
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password or None)
        if broker.is_secure:
            self._client.tls_set_context(_context(broker.tls))
        elif broker.password:
            log.warning("mqtt.unencrypted", broker=broker.address, why="the password is sent in clear; use mqtts://")
        if self._state_topic:
            self._client.will_set(self._state_topic, self._state(is_online=False), qos=1, retain=True)
        self._client.connect_async(broker.host, broker.port, keepalive=30)
        self._client.loop_start()
        if not self._answered.wait(timeout_s):
            self._trouble("no answer", "is this the address of a broker?")
        return not self._told

    def work(self, take: Callable[[str, bytes, datetime], bool], is_ending: Callable[[], bool]) -> None:
        """Give each message to `take` and acknowledge those that are done, until it is time to end."""
        while not is_ending():
            if time.monotonic() >= self._subscribe_at:
                self._subscribe()
            try:
                topic, payload, arrival, mid, qos, number = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            # what came on a connection that broke comes again on the next, under numbers that mean other messages there
            if take(topic, payload, arrival) and number == self._number:
                self._client.ack(mid, qos)

    def ask_for_rebirth(self, message: Message) -> None:
        """Send the command by which a node tells everything anew."""
        topic = f"{PREFIX}/{message.group}/NCMD/{message.node}"
        self._client.publish(topic, write_command(_REBIRTH, round(utc_now().timestamp() * 1000)), qos=0)

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        if self._state_topic and self._client.is_connected():
            self._client.publish(self._state_topic, self._state(is_online=False), qos=1, retain=True).wait_for_publish(
                2
            )
        self._client.disconnect()
        self._client.loop_stop()

    # -- called by the client's thread ------------------------------------------------------------------------------

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._has_answer = True
        if reason.is_failure:
            self._trouble(f"does not let us in ({reason})", "are user and password right?")
            return
        self._subscribe()
        if self._state_topic:
            client.publish(self._state_topic, self._state(is_online=True), qos=1, retain=True)

    def _not_reached(self, _client: Any, _data: Any) -> None:
        error = sys.exception()  # the client calls this while it handles it
        if isinstance(error, ssl.SSLCertVerificationError):
            what = f"its certificate is not trusted ({error.verify_message})"
            self._trouble(what, "name the authority that signed it with --ca FILE")
        elif self._broker.is_secure and _is_refusal(error):
            log.warning("mqtt.tls_refused", broker=self._broker.address, why=str(error))
            self._trouble(_REFUSED, self._own_certificate())
        elif isinstance(error, ssl.SSLError):
            self._trouble(f"TLS fails ({error.reason})", "is this its port for mqtts://?")
        else:
            self._trouble(f"cannot be reached ({error})", "is the broker running, and is this its address?")

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._number += 1
        if not self._has_answer:  # TLS 1.3 refuses a client after the handshake, as seen from the client
            hint = self._own_certificate() if self._broker.is_secure else "does it speak TLS (mqtts://)?"
            self._trouble(_REFUSED, hint)
        elif reason.is_failure and not self._told:
            log.warning("mqtt.disconnected", broker=self._broker.address, why=str(reason))
        self._has_answer = False

    def _own_certificate(self) -> str:
        if self._broker.tls.cert_file:
            return "does it know the authority that signed our certificate (--cert), and is that one still valid?"
        return "is this its port for mqtts://, and does it ask for a certificate of ours (--cert FILE --key FILE)?"

    def _subscribed(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [topic for topic, reason in zip(self._subscriptions, reasons, strict=False) if reason.is_failure]
        if refused:
            self._trouble(f"refuses the subscription to {', '.join(refused)}", "may this user read these topics?")
            self._subscribe_at = time.monotonic() + _RETRY_S[1]
            return
        self._told = ""
        self._answered.set()
        self._tell(f"listens to {', '.join(self._subscriptions)} at {self._broker.address}")

    def _subscribe(self) -> None:
        self._subscribe_at = math.inf
        self._client.subscribe([(topic, 1) for topic in self._subscriptions])

    def _trouble(self, what: str, hint: str) -> None:
        """Tell once what keeps us out, however often it is tried."""
        if what != self._told:
            self._told = what
            self._tell(f"{self._broker.address}: {what}; {hint} It is tried again every {_RETRY_S[1]} s at most.")
        self._answered.set()

    def _arrived(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._waiting.put((message.topic, bytes(message.payload), utc_now(), message.mid, message.qos, self._number))

    @staticmethod
    def _state(*, is_online: bool) -> str:
        return json.dumps({"online": is_online, "timestamp": round(utc_now().timestamp() * 1000)})


def _is_refusal(error: BaseException | None) -> bool:
    """Whether a broker broke the handshake off: by an alert, which a reset may overtake."""
    is_alert = isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")
    return is_alert or isinstance(error, (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError))


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
    except OSError as error:
        hint = "give the authority's certificate as PEM"
        raise InputError(f"cannot be used ({error})", where=tls.ca_file, hint=hint) from error
    if tls.cert_file:
        try:  # a password is always given: without one OpenSSL asks for it on the terminal, and waits
            context.load_cert_chain(tls.cert_file, tls.key_file or None, tls.key_password)
        except OSError as error:
            hint = "give certificate and key as PEM, and TRIVIUM_MQTT_KEY_PASSWORD if the key has one"
            where = ", ".join(filter(None, (tls.cert_file, tls.key_file)))
            raise InputError(f"cannot be used ({error})", where=where, hint=hint) from error
    return context
