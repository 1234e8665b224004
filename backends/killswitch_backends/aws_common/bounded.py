"""No answer of AWS is read without an end.

botocore reads whatever comes until it stops, and a thing between us and AWS may never stop: the bastion's memory would
be its buffer. Here an answer is read up to a size. What it says is none of this module's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from killswitch_backends.problems import Unreachable

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.httpsession import URLLib3Session

MOST_BYTES = 64 * 2**20
"""As of an answer of Kubernetes and LaunchDarkly. The largest that AWS gives are pages of a few MB."""


def bound_answers(client: Any) -> None:
    """Have every answer of a client read up to ``MOST_BYTES``; a longer one is ``Unreachable``."""
    endpoint = client._endpoint  # noqa: SLF001 - botocore offers no hook between an answer's head and its body
    endpoint.http_session = _Bounded(endpoint.http_session)


class _Bounded:
    """botocore's HTTP session, which reads bodies here."""

    def __init__(self, session: URLLib3Session) -> None:
        self._session = session

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send, and read the answer unless its reader streams it.

        Raises:
            Unreachable: it is longer than ``MOST_BYTES``.
            botocore.exceptions.HTTPClientError: as from botocore's own session.
        """
        streamed, request.stream_output = request.stream_output, True
        response = self._session.send(request)
        if not streamed:
            response.raw = _Body(response.raw, request.url)
            response.content  # noqa: B018 - read now, as botocore does
        return response

    def close(self) -> None:
        """Close its connections."""
        self._session.close()


class _Body:
    """The body of an answer as botocore asks for it, with an end."""

    def __init__(self, raw: Any, url: str) -> None:
        self._raw = raw
        self._url = url

    def stream(self) -> Iterator[bytes]:
        """Its parts. An error of the wire is what botocore's session makes of it."""
        from botocore import exceptions as sdk
        from urllib3 import exceptions as wire

        try:
            yield from self._parts()
        except wire.ReadTimeoutError as error:
            raise sdk.ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except wire.ProtocolError as error:
            raise sdk.ConnectionClosedError(endpoint_url=self._url, error=error) from error
        except wire.HTTPError as error:
            raise sdk.HTTPClientError(error=error) from error

    def _parts(self) -> Iterator[bytes]:
        size = 0
        for part in self._raw.stream():
            size += len(part)
            if size > MOST_BYTES:
                self._raw.close()  # the rest of it would be taken for the next answer
                raise Unreachable(self._url, f"answered with more than {MOST_BYTES // 2**20} MiB")
            yield part
