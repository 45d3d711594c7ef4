"""Fetch a scan from a web address, without being led astray.

A server that fetches what strangers name can be turned against its own network. So: public
addresses only, the address that was checked is the one connected to, every redirect is
checked again, no proxy from the environment, no packed bodies, and limits on size and time
that hold for the whole exchange, handshake and headers included.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urljoin

import httpcore
import httpx

import octtutor
from octtutor.errors import BadInputError, BadScanError
from octtutor.limits import MAX_FETCH_SECONDS, MAX_FETCHED_BYTES, MAX_REDIRECTS

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SPECIAL = (
    "100.64.0.0/10",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "2001::/23",
    "2002::/16",
    "3fff::/20",  # for documentation (RFC 9637); Python knows the older ones
)
_REFUSED = tuple(map(ip_network, _SPECIAL))
_GLOBAL_UNICAST = ip_network("2000::/3")
_TYPES = ("image/", "application/dicom", "application/octet-stream", "binary/octet-stream")
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Iterable[str]]
"""Finds all addresses of a host and port, as they are written.

Raises:
    OSError: there is none.
"""


def is_url(source: str) -> bool:
    """Whether a source is a web address and not a file."""
    return source.lower().startswith(("http://", "https://"))


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet; tunnels and shared ranges are not."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address not in _GLOBAL_UNICAST:
            return False
    special = any(address.version == net.version and address in net for net in _REFUSED)
    return address.is_global and not address.is_multicast and not special


def look_up(host: str, port: int) -> list[str]:
    """Ask the system for a host's addresses; forms like 2130706433 or 0x7f.1 are addresses too.

    Raises:
        OSError: there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    return [str(entry[4][0]).split("%")[0] for entry in found]


def fetch(
    url: str, allowed: Callable[[Address], bool] = is_public, resolve: Resolve = look_up
) -> bytes:
    """Fetch an image's bytes.

    Args:
        url: `http://` or `https://`.
        allowed: which addresses may be connected to.
        resolve: finds the addresses of a host; all of them must be allowed.

    Returns:
        At most 20 MB; whether they are a scan is for `decode` to say.

    Raises:
        BadInputError: the address is malformed, not public, unreachable, or redirects too often.
        BadScanError: what comes is no image, too large, or too slow.
    """
    until = time.monotonic() + MAX_FETCH_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        answer = _get(url, pin(url, allowed, resolve), until)
        if isinstance(answer, bytes):
            return answer
        url = urljoin(url, answer)
    raise BadInputError(
        f"Expected at most {MAX_REDIRECTS} redirects. {short(url)} has more. Give the image's "
        "own address."
    )


class _TooLateError(Exception):
    """The time for the whole exchange is over."""


@dataclass(frozen=True, slots=True)
class _Timed(httpcore.NetworkStream):
    """A connection on which nothing waits beyond a moment, however little comes at a time."""

    stream: httpcore.NetworkStream
    until: float

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, _left(self.until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, _left(self.until))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self.stream.start_tls(ssl_context, server_hostname, _left(self.until))
        return _Timed(inner, self.until)

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)


@dataclass(frozen=True, slots=True)
class _Network(httpcore.NetworkBackend):
    """Connects, and times what is connected."""

    until: float

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        stream = httpcore.SyncBackend().connect_tcp(
            host, port, _left(self.until), local_address, socket_options
        )
        return _Timed(stream, self.until)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise _TooLateError
    return min(left, 5.0)


@dataclass(frozen=True, slots=True)
class Pinned:
    """An address that was checked, and the name under which it is asked."""

    url: httpx.URL
    headers: dict[str | bytes, str | bytes]
    host: str


def _get(url: str, pinned: Pinned, until: float) -> bytes | str:
    """Return the body, or the address that it redirects to."""
    try:
        with (
            httpcore.ConnectionPool(network_backend=_Network(until)) as pool,
            pool.stream(
                "GET",
                str(pinned.url),
                headers=pinned.headers,
                extensions={"sni_hostname": pinned.host},
            ) as answer,
        ):
            headers = httpx.Headers(answer.headers)
            if answer.status in REDIRECTS and "location" in headers:
                return headers["location"]
            _check(answer.status, headers, url)
            return b"".join(_limited(answer.iter_stream(), url))
    except (_TooLateError, httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
        raise _too_much(url) from error
    except (
        httpcore.NetworkError,
        httpcore.TimeoutException,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
        OSError,
        ValueError,
    ) as error:
        raise BadInputError(
            f"Cannot fetch {short(url)} ({type(error).__name__}). Check the address, or download "
            "the scan and give the file."
        ) from error


def pin(url: str, allowed: Callable[[Address], bool], resolve: Resolve) -> Pinned:
    """Resolve the host once; connect to that address under the host's name.

    Raises:
        BadInputError: it is no web address, has no host, or leads where `allowed` forbids.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _no_address(url) from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise _no_address(url)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    address = _choose(parsed.host, port, allowed, resolve, url)
    headers: dict[str | bytes, str | bytes] = {
        "Host": parsed.netloc.decode(),
        "Accept": "image/*, application/dicom",
        "Accept-Encoding": "identity",
        "User-Agent": f"octtutor/{octtutor.__version__}",
    }
    pinned = parsed.copy_with(host=str(address), fragment=None)
    return Pinned(pinned, headers, parsed.host)


def _choose(
    host: str, port: int, allowed: Callable[[Address], bool], resolve: Resolve, url: str
) -> Address:
    """Return the host's first address, when each that it has is allowed."""
    try:
        addresses = [ip_address(found) for found in resolve(host, port)]
    except (OSError, ValueError) as error:
        raise _no_host(url) from error
    if not addresses:
        raise _no_host(url)
    if not all(allowed(address) for address in addresses):
        raise BadInputError(
            f"Expected a public web address. {short(url)} leads to a private or local one, which "
            "is not fetched. Download the scan and give the file."
        )
    return addresses[0]


def _check(status: int, headers: httpx.Headers, url: str) -> None:
    kind = headers.get("content-type", "application/octet-stream").lower()
    packed = headers.get("content-encoding", "identity").lower() != "identity"
    if status != 200 or packed or not kind.startswith(_TYPES):
        raise BadScanError(
            f"Expected an image at {short(url)}. Received {status}, "
            f"{kind.split(';')[0][:60]!r}. Give the image's own address."
        )
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > MAX_FETCHED_BYTES:
        raise _too_much(url)


def _limited(parts: Iterable[bytes], url: str) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > MAX_FETCHED_BYTES:
            raise _too_much(url)
        yield part


def _too_much(url: str) -> BadScanError:
    return BadScanError(
        f"Expected at most {MAX_FETCHED_BYTES:,} bytes within {MAX_FETCH_SECONDS:.0f} seconds from "
        f"{short(url)}. It is larger or slower. Download it and give the file."
    )


def _no_host(url: str) -> BadInputError:
    return BadInputError(
        f"Cannot find the host of {short(url)}. Check the address and the network."
    )


def _no_address(url: str) -> BadInputError:
    return BadInputError(
        f"Expected a web address like https://example.org/scan.png. Received {short(url)}."
    )


def short(url: str) -> str:
    """Return the beginning of an address, quoted, for messages."""
    return repr(url[:120])
