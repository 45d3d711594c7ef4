"""One file on the web, read in parts: ranges over one connection, each redirect checked.

What the guard of `datasets.fetch` holds for single scans holds here too: public addresses only,
the address that was checked is the one connected to, no proxy from the environment, no packed
bodies. There is no limit on size and time, since archives are large; whoever reads can stop.
"""

import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from octtutor.datasets.fetch import REDIRECTS, Address, Resolve, is_public, look_up, pin, short
from octtutor.errors import BadInputError
from octtutor.limits import MAX_REDIRECTS, MAX_SERVER_WAIT_SECONDS

_TIMEOUT = {"connect": 15.0, "read": 60.0, "write": 15.0, "pool": 15.0}
"""Seconds that a server may say nothing."""
_TRIES = 4
"""How often in a row a request may bring nothing before it is given up."""
_BUSY = frozenset({429, 500, 502, 503, 504})
_BROKEN = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
)


Waiting = Callable[[int, int], None]
"""Told (seconds waited, seconds that the server asks to wait); what it raises ends the wait."""


class ChangedError(BadInputError):
    """The file is another one than when fetching began."""


class _BrokenError(Exception):
    """An exchange ended too early; asking again may help."""

    def __init__(self, seconds: float = 0.0) -> None:
        """Take how long the server asks to wait before that."""
        super().__init__()
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of a file."""

    size: int
    """Bytes."""
    ranges: bool
    """Whether it gives parts."""
    stamp: str
    """A strong ETag, else the time of the last change; empty where neither is told."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How the web is reached, and how much room there is."""

    allowed: Callable[[Address], bool] = is_public
    resolve: Resolve = look_up
    wait: Callable[[float], object] = time.sleep
    """Waits so many seconds before asking again."""
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    """Bytes that the disk of a folder has left."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    stream: Iterator[bytes]


class Remote:
    """A file on the web. One connection, one request at a time; use it as a context."""

    def __init__(
        self, address: str, reach: Reach, tell: Waiting = lambda left, asked: None
    ) -> None:
        """Take an address; nothing is asked yet. `tell` is told when the server asks to wait."""
        self._address, self._reach, self._tell = address, reach, tell
        self._led_to = ""  # where the address's redirects led
        self._pool = httpcore.ConnectionPool(max_connections=1, http2=False)
        self.received = 0
        """Bytes of the bodies that came."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.close()

    def facts(self) -> Facts:
        """Ask how large the file is, whether parts of it can be had, and which one it is.

        Raises:
            BadInputError: it is not there, is a web page, or its size is not told.
        """
        for tried in range(_TRIES):
            try:
                return self._facts()
            except _BrokenError as error:
                self._pause(2.0**tried, error.seconds)
        raise self._cut_off()

    def _facts(self) -> Facts:
        with self._asked({"Range": "bytes=0-0"}) as answer:
            self._refuse_page(answer)
            if answer.status == 206:
                _, total = self._range_of(answer)
                self._take(answer.stream)
                return Facts(total, True, _stamp(answer.headers))
            length = answer.headers.get("content-length", "")
            if answer.status != 200 or not length.isdecimal():
                raise self._refused(answer.status, length or "an unknown length")
            return Facts(int(length), False, _stamp(answer.headers))

    def read(self, start: int, end: int, facts: Facts) -> Generator[bytes, None, None]:
        """Give the bytes from `start` up to `end`, as they come.

        Where the connection breaks it goes on at the byte that is missing; after a few breaks in
        a row that brought nothing it gives up.

        Raises:
            ChangedError: the file is another one now.
            BadInputError: the server refuses, or breaks off again and again.
        """
        idle = 0
        while start < end:
            asked = 0.0
            try:
                for part in self._part(start, end, facts):
                    start += len(part)
                    idle = 0
                    yield part
            except _BrokenError as error:
                asked = error.seconds
            if start < end:
                idle += 1
                if idle >= _TRIES or not facts.ranges:
                    raise self._cut_off()
                self._pause(2.0**idle, asked)

    def _pause(self, seconds: float, asked: float) -> None:
        """Wait before asking again, as long as the server asks at least; whoever reads is told."""
        if asked > MAX_SERVER_WAIT_SECONDS:
            raise BadInputError(
                f"Expected {short(self._address)} to answer. It is busy and asks to wait "
                f"{asked:,.0f} seconds. Fetch again then; what came is kept."
            )
        if asked <= seconds:
            self._reach.wait(seconds)
            return
        for second in range(ceil(asked)):
            self._tell(second, ceil(asked))
            self._reach.wait(min(1.0, asked - second))

    def _part(self, start: int, end: int, facts: Facts) -> Iterator[bytes]:
        headers = {"Range": f"bytes={start}-{end - 1}"}
        if facts.stamp:
            headers["If-Range"] = facts.stamp
        whole = start == 0 and end == facts.size
        with self._asked({} if whole else headers) as answer:
            self._refuse_page(answer)
            self._check(answer, start, end, facts)
            left = end - start
            for part in self._counted(answer.stream):  # to its end, so that the connection stays
                if left <= 0:
                    return
                yield part[:left]
                left -= len(part)
            if left > 0:
                raise _BrokenError

    def _check(self, answer: _Answer, start: int, end: int, facts: Facts) -> None:
        """Refuse what is not the asked part of the file that fetching began with."""
        stamp = _stamp(answer.headers)
        if answer.status == 416 or (facts.stamp and stamp and stamp != facts.stamp):
            raise self._changed()
        if answer.status == 206:
            first, total = self._range_of(answer)
            if total != facts.size:
                raise self._changed()
            if first != start:
                raise self._refused(
                    206, f"the bytes from {first:,}, asked for those from {start:,}"
                )
        elif answer.status != 200:
            raise self._refused(answer.status, "")
        elif not (start == 0 and end == facts.size):  # the whole, though a part was asked for
            raise self._changed() if facts.ranges else self._refused(200, "the whole file only")
        elif answer.headers.get("content-length", str(facts.size)) != str(facts.size):
            raise self._changed()

    @contextmanager
    def _asked(self, headers: dict[str, str]) -> Iterator[_Answer]:
        """Ask, follow redirects, and give the answer; its body is read inside."""
        url = self._led_to or self._address
        for _ in range(MAX_REDIRECTS + 1):
            with self._exchange(url, headers) as answer:
                if answer.status in REDIRECTS and "location" in answer.headers:
                    url = self._follow(url, answer.headers["location"])
                    continue
                if answer.status in (401, 403, 404, 410) and self._led_to:
                    self._led_to = ""  # such addresses expire; ask the first one anew
                    raise _BrokenError
                if answer.status in _BUSY:
                    raise _BrokenError(_asked_to_wait(answer.headers))
                self._led_to = url if url != self._address else ""
                yield answer
                return
        raise BadInputError(
            f"Expected at most {MAX_REDIRECTS} redirects. {short(self._address)} has more. The "
            "set may have moved; see its page."
        )

    def _follow(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise BadInputError(
                f"Expected a redirect to https. {short(url)} leads to {short(target)}, which is "
                "not followed. See the set's page."
            )
        return target

    @contextmanager
    def _exchange(self, url: str, headers: dict[str, str]) -> Iterator[_Answer]:
        pinned = pin(url, self._reach.allowed, self._reach.resolve)
        sent: dict[str | bytes, str | bytes] = {**pinned.headers, "Accept": "*/*"}
        sent.update(headers.items())
        extensions = {"sni_hostname": pinned.host, "timeout": _TIMEOUT}
        try:
            with self._pool.stream(
                "GET", str(pinned.url), headers=sent, extensions=extensions
            ) as answer:
                yield _Answer(answer.status, httpx.Headers(answer.headers), answer.iter_stream())
        except _BROKEN as error:
            raise _BrokenError from error

    def _range_of(self, answer: _Answer) -> tuple[int, int]:
        """Return the first byte and the whole file's size that a `Content-Range` tells."""
        facts = answer.headers.get("content-range", "")
        try:
            place, total = facts.removeprefix("bytes ").split("/")
            return int(place.split("-")[0]), int(total)
        except ValueError as error:
            raise self._refused(answer.status, f"Content-Range {facts[:40]!r}") from error

    def _refuse_page(self, answer: _Answer) -> None:
        kind = answer.headers.get("content-type", "").lower()
        packed = answer.headers.get("content-encoding", "identity").lower()
        if answer.status in (200, 206) and kind.startswith(("text/html", "application/xhtml")):
            raise BadInputError(
                f"Expected an archive at {short(self._address)}. Received a web page. The server "
                "may want a person: download it by hand from the set's page, then `octtutor data "
                "import FILE`."
            )
        if packed not in ("", "identity"):
            raise self._refused(answer.status, f"a body packed with {packed[:20]!r}")

    def _counted(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        for part in stream:
            self.received += len(part)
            yield part

    def _take(self, stream: Iterator[bytes]) -> None:
        for _ in self._counted(stream):
            pass

    def _refused(self, status: int, what: str) -> BadInputError:
        received = f"status {status}" + (f" and {what}" if what else "")
        return BadInputError(
            f"Expected a file at {short(self._address)}. Received {received}. Try later; if it "
            "stays so the set has moved: see its page."
        )

    def _changed(self) -> ChangedError:
        return ChangedError(
            f"Expected the file of {short(self._address)} to stay as it is. It has changed since "
            "fetching began. What was kept of it is removed; fetch again."
        )

    def _cut_off(self) -> BadInputError:
        return BadInputError(
            f"The connection to {short(self._address)} broke off, {self.received:,} bytes into "
            "this try. What came is kept where the server gives parts; fetch again to go on."
        )


def _stamp(headers: httpx.Headers) -> str:
    tag: str = headers.get("etag", "")
    return tag if tag.startswith('"') else str(headers.get("last-modified", ""))


def _asked_to_wait(headers: httpx.Headers) -> float:
    """Return the seconds of `Retry-After`, which is a number or a date; 0 where there is none."""
    told = headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told[:9])
    try:
        until = parsedate_to_datetime(told)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
