"""`trivium maintenance mqtt`: take in what comes to a broker, until it is stopped."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trivium.maintenance.app import needs_modules
from trivium.maintenance.terminal import open_door
from trivium.service.errors import InputError
from trivium.service.terminal import opened_runtime, say

if TYPE_CHECKING:
    from trivium.maintenance.mqtt.nodes import Nodes

__all__ = ["EPILOG", "mqtt"]

EPILOG = "Example: trivium maintenance mqtt --broker mqtt://broker:1883 --plant north --topic 'site/{asset}/{tag}'"


def mqtt(
    broker: Annotated[str, typer.Option(metavar="URL", help="mqtt://user@host:port, or mqtts:// for TLS.")],
    plant: Annotated[str, typer.Option(help="Name of the plant that readings are of.")],
    group: Annotated[
        list[str] | None, typer.Option(help="Sparkplug B group; all if neither this nor --topic is given. Repeatable.")
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="Plain topic with JSON, such as site/{asset}/{tag}. Repeatable.")
    ] = None,
    host_id: Annotated[str, typer.Option(help="Sparkplug host id; nodes that wait for their host see it.")] = "",
    client_id: Annotated[str, typer.Option(help="Session at the broker; trivium-PLANT if not given.")] = "",
    password: Annotated[
        str, typer.Option(envvar="TRIVIUM_MQTT_PASSWORD", help="Of the user in the URL; better in the environment.")
    ] = "",
    ca: Annotated[Path | None, typer.Option(help="Certificate of the authority that signed the broker's.")] = None,
    cert: Annotated[Path | None, typer.Option(help="Our certificate, for a broker that asks for one.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key, if that is not in the same file.")] = None,
    key_password: Annotated[
        str, typer.Option(envvar="TRIVIUM_MQTT_KEY_PASSWORD", help="Of the private key; better in the environment.")
    ] = "",
) -> None:
    """Take readings in from an MQTT broker: Sparkplug B and plain JSON. Acknowledged once they are safe here."""
    needs_modules("paho")
    from trivium.maintenance.mqtt.bridge import Bridge
    from trivium.maintenance.mqtt.connection import Connection, Tls, read_url
    from trivium.maintenance.mqtt.nodes import PREFIX
    from trivium.maintenance.mqtt.topics import Pattern
    from trivium.maintenance.registry import Registries

    files = Tls(str(ca or ""), str(cert or ""), str(key or ""), key_password)
    where = read_url(broker, password=password, tls=files)
    patterns = [Pattern(text) for text in topic or ()]
    groups = [f"{PREFIX}/{name}/#" for name in group or ()] or ([] if patterns else [f"{PREFIX}/#"])
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: ended.append(got))
    with opened_runtime() as runtime, open_door(runtime) as door:
        registries = Registries(runtime.database)
        if not registries.of(plant).version:
            raise InputError("no plant is registered under this name", where=plant, hint="import its tags first")
        kept = runtime.settings.home / "mqtt" / f"{re.sub(r'[^A-Za-z0-9.-]', '_', plant)}.json"
        subscriptions = [*groups, *(one.subscription for one in patterns)]
        connection = Connection(
            where, subscriptions, client_id=client_id or f"trivium-{plant}"[:120], host_id=host_id,
            tell=lambda line: say(f"{plant}: {line}"),
        )  # fmt: skip
        bridge = Bridge(
            door, registries, plant, patterns=patterns, nodes=_load(kept),
            rebirth=connection.ask_for_rebirth, is_ending=lambda: bool(ended),
        )  # fmt: skip
        try:
            connection.open()
            connection.work(bridge.take, lambda: bool(ended))
        finally:
            connection.close()
            _save(kept, bridge.nodes)
            say(
                ", ".join(f"{count:,} {name}" for name, count in sorted(bridge.counts.items()) if count)
                or "nothing came"
            )


def _load(path: Path) -> Nodes:
    """Return the births that were known; none when the file is not there or not ours."""
    from trivium.maintenance.mqtt.nodes import Nodes

    try:
        return Nodes(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Nodes()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        say(f"{path}: cannot be used ({error}); nodes are asked anew")
        return Nodes()


def _save(path: Path, nodes: Nodes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(nodes.to_json()), encoding="utf-8")
    os.replace(part, path)
