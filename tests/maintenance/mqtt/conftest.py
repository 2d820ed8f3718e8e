"""The plant of the ingest tests, and Sparkplug B payloads written by protobuf's own encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.maintenance.ingest.conftest import broker_url, database, empty_file, plant, streams  # noqa: F401 - fixtures
from tests.service.conftest import settings  # noqa: F401 - a fixture

KINDS = {"u32": 13, "u64": 4, "bool": 8, "string": 9, "bytes": 12, "float": 2, "double": 1, "message": 11}
# number, name, type, whether repeated; from the Sparkplug specification, version 3.0.0, section 6.4.1
FIELDS = {
    "Payload": [
        (1, "timestamp", "u64"),
        (2, "metrics", "[Metric"),
        (3, "seq", "u64"),
        (4, "uuid", "string"),
        (5, "body", "bytes"),
    ],
    "Metric": [
        (1, "name", "string"),
        (2, "alias", "u64"),
        (3, "timestamp", "u64"),
        (4, "datatype", "u32"),
        (5, "is_historical", "bool"),
        (6, "is_transient", "bool"),
        (7, "is_null", "bool"),
        (9, "properties", "PropertySet"),
        (10, "int_value", "u32"),
        (11, "long_value", "u64"),
        (12, "float_value", "float"),
        (13, "double_value", "double"),
        (14, "boolean_value", "bool"),
        (15, "string_value", "string"),
        (16, "bytes_value", "bytes"),
    ],
    "PropertySet": [(1, "keys", "[string"), (2, "values", "[PropertyValue")],
    "PropertyValue": [
        (1, "type", "u32"),
        (3, "int_value", "u32"),
        (4, "long_value", "u64"),
        (8, "string_value", "string"),
    ],
}


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Writes a payload: `encode(seq=1, metrics=[{"name": "temp", "double_value": 20}])`."""
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
    from google.protobuf import descriptor_pool, json_format, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_test.proto", package="spb", syntax="proto2")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            one = message.field.add(name=field, number=number, label=3 if kind.startswith("[") else 1)
            bare = kind.removeprefix("[")
            one.type = KINDS.get(bare, KINDS["message"])
            if bare not in KINDS:
                one.type_name = f".spb.{bare}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    payload = message_factory.GetMessageClass(pool.FindMessageTypeByName("spb.Payload"))

    def write(**values: Any) -> bytes:
        return json_format.ParseDict(values, payload()).SerializeToString()

    return write
