"""Fetch a scan from a web address, without being led astray.

A server that fetches what strangers name can be turned against its own network. So: public
addresses only, the address that was checked is the one connected to, every redirect is
checked again, no proxy from the environment, no packed bodies, and limits on size and time.
"""

import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urljoin

import httpx

from octtutor.errors import BadInputError, BadScanError

MAX_BYTES = 20_000_000
MAX_SECONDS = 15.0
MAX_REDIRECTS = 3
_REFUSED = tuple(map(ip_network, ("100.64.0.0/10", "192.88.99.0/24", "2002::/16", "64:ff9b::/96")))
_TYPES = ("image/", "application/octet-stream", "binary/octet-stream")
Address = IPv4Address | IPv6Address


def is_url(source: str) -> bool:
    """Whether a source is a web address and not a file."""
    return source.lower().startswith(("http://", "https://"))


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, tunnels and shared ranges excluded."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    special = any(address.version == net.version and address in net for net in _REFUSED)
    return address.is_global and not address.is_multicast and not special


def fetch(url: str, allowed: Callable[[Address], bool] = is_public) -> bytes:
    """Fetch an image's bytes.

    Args:
        url: `http://` or `https://`.
        allowed: which addresses may be connected to.

    Returns:
        At most 20 MB; whether they are a scan is for `decode` to say.

    Raises:
        BadInputError: the address is malformed, not public, unreachable, or redirects too often.
        BadScanError: what comes is no image, too large, or too slow.
    """
    until = time.monotonic() + MAX_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        answer = _get(url, allowed, until)
        if isinstance(answer, bytes):
            return answer
        url = urljoin(url, answer)
    raise BadInputError(
        f"Expected at most {MAX_REDIRECTS} redirects. {_short(url)} has more. Give the image's "
        "own address."
    )


def _get(url: str, allowed: Callable[[Address], bool], until: float) -> bytes | str:
    """Return the body, or the address that it redirects to."""
    pinned, headers, extensions = _pin(url, allowed)
    try:
        with (
            httpx.Client(trust_env=False, timeout=5.0, follow_redirects=False) as client,
            client.stream("GET", pinned, headers=headers, extensions=extensions) as answer,
        ):
            if answer.is_redirect:
                return answer.headers["location"]
            _check(answer, url)
            return b"".join(_limited(answer, url, until))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadInputError(
            f"Cannot fetch {_short(url)} ({type(error).__name__}). Check the address, or download "
            "the scan and give the file."
        ) from error


def _pin(
    url: str, allowed: Callable[[Address], bool]
) -> tuple[httpx.URL, dict[str, str], dict[str, str]]:
    """Resolve the host once; connect to that address under the host's name."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _no_address(url) from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise _no_address(url)
    address = _resolve(parsed.host, parsed.port or 80, allowed, url)
    headers = {"Host": parsed.netloc.decode(), "Accept-Encoding": "identity"}
    return parsed.copy_with(host=str(address)), headers, {"sni_hostname": parsed.host}


def _resolve(host: str, port: int, allowed: Callable[[Address], bool], url: str) -> Address:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadInputError(
            f"Cannot find the host of {_short(url)}. Check the address and the network."
        ) from error
    addresses = [ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    if not all(allowed(address) for address in addresses):
        raise BadInputError(
            f"Expected a public web address. {_short(url)} leads to a private or local one, which "
            "is not fetched. Download the scan and give the file."
        )
    return addresses[0]


def _check(answer: httpx.Response, url: str) -> None:
    kind = answer.headers.get("content-type", "application/octet-stream").lower()
    packed = answer.headers.get("content-encoding", "identity").lower() != "identity"
    if answer.status_code != 200 or packed or not kind.startswith(_TYPES):
        raise BadScanError(
            f"Expected an image at {_short(url)}. Received {answer.status_code}, "
            f"{kind.split(';')[0][:60]!r}. Give the image's own address."
        )


def _limited(answer: httpx.Response, url: str, until: float) -> Iterator[bytes]:
    size = 0
    for part in answer.iter_raw():
        size += len(part)
        if size > MAX_BYTES or time.monotonic() > until:
            raise BadScanError(
                f"Expected at most {MAX_BYTES:,} bytes within {MAX_SECONDS:.0f} seconds from "
                f"{_short(url)}. It is larger or slower. Download it and give the file."
            )
        yield part


def _no_address(url: str) -> BadInputError:
    return BadInputError(
        f"Expected a web address like https://example.org/scan.png. Received {_short(url)}."
    )


def _short(url: str) -> str:
    return repr(url[:120])
