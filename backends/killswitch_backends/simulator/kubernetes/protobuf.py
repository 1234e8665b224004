"""Reading the two review requests that kubectl sends as protobuf, whatever the server says it prefers.

Field numbers are those of k8s.io/api/authorization/v1/generated.proto and apimachinery's runtime.Unknown. Nothing is
ever answered in protobuf.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from killswitch_backends.simulator.kubernetes.failures import bad_request
from killswitch_backends.simulator.kubernetes.objects import JsonObject

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_RESOURCE = {1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource", 6: "subresource", 7: "name"}
_NON_RESOURCE = {1: "path", 2: "verb"}


def read_access_review(body: bytes) -> JsonObject:
    """A SelfSubjectAccessReview (or a SelfSubjectReview, which has no spec) as the JSON object it stands for.

    Raises:
        ApiFailure: 400 for bytes that are not such a message.
    """
    if not body.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    spec = _fields(_fields(_fields(body[len(_MAGIC) :]).get(2, b"")).get(2, b""))
    found: JsonObject = {}
    if 1 in spec:
        found["resourceAttributes"] = _texts(spec[1], _RESOURCE)
    if 2 in spec:
        found["nonResourceAttributes"] = _texts(spec[2], _NON_RESOURCE)
    return {"metadata": {}, "spec": found}


def _texts(message: bytes, names: Mapping[int, str]) -> dict[str, str]:
    found = {
        names[number]: value.decode(errors="replace") for number, value in _fields(message).items() if number in names
    }
    return {name: value for name, value in found.items() if value}


def _fields(message: bytes) -> dict[int, bytes]:
    """The length-delimited fields of a message by number; the last of each counts, numbers are passed over."""
    return dict(_read_fields(message))


def _read_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        match tag & 7:
            case 0:
                _, place = _varint(message, place)
            case 2:
                length, place = _varint(message, place)
                if place + length > len(message):
                    raise bad_request("unexpected EOF")
                yield tag >> 3, message[place : place + length]
                place += length
            case other:
                raise bad_request(f"proto: unexpected wire type {other}")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message) and shift < 64:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise bad_request("proto: integer overflow or unexpected EOF")
