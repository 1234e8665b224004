"""Keeps one sealed container in a collection of its own in the Secret Service; a child that its parent kills in time.

Reads one JSON order from stdin, writes one JSON answer. Unlocks without any desktop prompt, by gnome-keyring's internal
interface (trust.md 1.1), and locks again before it answers. Uses the Secret Service backend of ``keyring`` and no
other: keyring's own choice can be steered by files and variables into running other code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

from killswitch_console.vault.references import SERVICE

_PREFIX = "/org/freedesktop/secrets/collection/"
_INTERNAL = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
_DENIED = "org.gnome.keyring.Error.Denied"

Answer = Mapping[str, Any]


class _Denied(Exception):
    """The collection's password is wrong."""


class _Unsupported(Exception):
    """The service cannot be unlocked without a desktop prompt."""


def main() -> int:
    """Carry out one order."""
    from jeepney.wrappers import DBusErrorResponse
    from keyring.errors import KeyringError, KeyringLocked
    from secretstorage.exceptions import SecretServiceNotAvailableException, SecretStorageException

    order = json.load(sys.stdin)
    try:
        answer = _carry_out(order)
    except _Denied:
        answer = {"problem": "denied"}
    except _Unsupported:
        answer = {"problem": "unsupported"}
    except KeyringLocked:
        answer = {"problem": "locked"}
    except SecretServiceNotAvailableException as error:
        answer = {"problem": "absent", "detail": str(error)}
    except DBusErrorResponse as error:
        answer = {"problem": "refused", "detail": error.name}
    except (SecretStorageException, KeyringError, OSError, RuntimeError) as error:
        answer = {"problem": "broken", "detail": f"{type(error).__name__}: {error}"}
    json.dump(answer, sys.stdout)
    return 0


def _carry_out(order: Mapping[str, Any]) -> Answer:
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        service = _Service(bus, str(order["collection"]))
        if order["op"] == "probe":
            return {"state": service.state()}
        try:
            if order["op"] == "seal":
                return service.put(str(order["password"]), str(order["container"]))
            return service.take(str(order["password"]))
        finally:
            service.lock()


class _Service:
    """One collection of the Secret Service."""

    def __init__(self, bus: Any, name: str) -> None:
        self._bus, self._name, self._path = bus, name, _PREFIX + name

    def state(self) -> str:
        """``missing``, ``sealed`` or ``open``: asks no prompt."""
        collection = self._collection()
        if collection is None:
            return "missing"
        return "sealed" if collection.is_locked() else "open"

    def put(self, password: str, container: str) -> Answer:
        """Keep the container, making the collection if there is none."""
        if self._collection() is None:
            self._create(password)
        else:
            self._unlock(password)
        self._keyring().set_password(SERVICE, self._name, container)
        return {}

    def take(self, password: str) -> Answer:
        """The container."""
        if self._collection() is None:
            return {"problem": "missing"}
        self._unlock(password)
        container = self._keyring().get_password(SERVICE, self._name)
        return {"problem": "missing"} if container is None else {"container": container}

    def lock(self) -> None:
        """Seal the collection, whatever happened before."""
        from jeepney.wrappers import DBusErrorResponse
        from secretstorage.exceptions import SecretStorageException

        with suppress(SecretStorageException, DBusErrorResponse, OSError):  # the first trouble is the one that is told
            if (collection := self._collection()) is not None:
                collection.lock()

    def _collection(self) -> Any:
        import secretstorage
        from secretstorage.exceptions import ItemNotFoundException

        try:
            return secretstorage.Collection(self._bus, self._path)
        except ItemNotFoundException:
            return None

    def _keyring(self) -> Any:
        from keyring.backends.SecretService import Keyring

        keyring: Any = Keyring()  # type: ignore[no-untyped-call]
        keyring.preferred_collection = self._path
        return keyring

    def _unlock(self, password: str) -> None:
        self._internal("UnlockWithMasterPassword", "o(oayays)", self._path, self._secret(password))

    def _create(self, password: str) -> None:
        label = {"org.freedesktop.Secret.Collection.Label": ("s", self._name)}
        self._internal("CreateWithMasterPassword", "a{sv}(oayays)", label, self._secret(password))

    def _secret(self, password: str) -> Any:
        from secretstorage.util import format_secret, open_session

        return format_secret(open_session(self._bus), password.encode(), "text/plain")

    def _internal(self, method: str, signature: str, *body: Any) -> None:
        from jeepney.wrappers import DBusErrorResponse
        from secretstorage.exceptions import ItemNotFoundException
        from secretstorage.util import DBusAddressWrapper

        door = DBusAddressWrapper("/org/freedesktop/secrets", _INTERNAL, self._bus)
        try:
            door.call(method, signature, *body)
        except ItemNotFoundException:  # what secretstorage makes of an unknown method
            raise _Unsupported from None
        except DBusErrorResponse as error:
            if error.name == _DENIED:
                raise _Denied from None
            if error.name.endswith((".UnknownInterface", ".UnknownMethod")):
                raise _Unsupported from None
            raise


if __name__ == "__main__":
    sys.exit(main())
