"""Files elsewhere, such as ``s3://bucket/orders/*.csv``: they are listed and downloaded by fsspec."""

import glob
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.deliver.client.background import in_background
from events_pandas.errors import SourceError
from events_pandas.sources.bad_files import BadFile, bad
from events_pandas.sources.listing import ANY_FOLDERS, LEFT_OUT, fits
from events_pandas.sources.spool import copy_fault, is_full

LISTING_SECONDS: Final = 300.0
"""How long the names of files may take."""
SILENT_SECONDS: Final = 60.0
"""How long a download may bring nothing."""

_ADDRESS: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://.*", re.DOTALL)
_LIKE_ADDRESS: Final = re.compile(r"\s*(?:[\w+.-]{2,}:+)+/+")
_OF_WEB: Final = re.compile(r"(?:^|::)\s*https?:", re.IGNORECASE)
_WEB: Final = ("http", "https")
_WITH_CONTAINERS: Final = ("abfs", "abfss", "az")
"""In these addresses, what stands before an @ is a container, and no secret."""
_REFUSED: Final = (401, 403)
_WITHOUT_FILE: Final = (HTTPStatus.ACCEPTED, HTTPStatus.PARTIAL_CONTENT)
_LOOK_SECONDS: Final = 0.1
_MEGABYTE: Final = 1_000_000
_SHOWN_CHARACTERS: Final = 200
_NO_ACCESS: Final = "access is refused: check the address, and whether the credentials have expired"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class RemoteFile:
    """A file elsewhere. Its address may hold secrets; its name does not."""

    system: Any  # a file system of fsspec's
    path: str  # there
    name: str
    folders: tuple[str, ...] = ()
    directory: str | None = None  # that it was found in, without being named


def scheme_of(name: str) -> str | None:
    """Return the scheme of an address such as ``s3://bucket/orders.csv``; None for a path."""
    match = _ADDRESS.fullmatch(name)
    return None if match is None else match[1].lower()


def shown_address(address: str) -> str:
    """Return an address without its secrets: the query, which may be a signature, and a user with a password."""
    # Outside of the web a question mark is a wildcard, but a query has a name and a value.
    query = r"[?#].*" if _OF_WEB.search(address) else r"\?[^/]*=.*"
    begun = _LIKE_ADDRESS.match(address)
    start = "" if begun is None else begun[0]
    rest = re.sub(query, "", address[len(start) :], flags=re.DOTALL)
    host = rest.partition("/")[0]
    if ":" in host:
        # A password may have a slash or an @ in it.
        return start + rest.rpartition("@")[2]
    if scheme_of(address) not in _WITH_CONTAINERS:
        return start + host.rpartition("@")[2] + rest.removeprefix(host)
    return start + rest


def is_like_address(name: str) -> bool:
    """Tell whether a name was meant as an address, also as one that cannot be read, such as ``https:/host/a.csv``."""
    return _LIKE_ADDRESS.match(name) is not None


def is_chain(name: str) -> bool:
    """Tell whether a name is one of fsspec's chains of addresses, such as ``simplecache::https://host/a.csv``."""
    # In an address of the web, two colons are part of its path or host.
    return is_like_address(name) and "::" in name and scheme_of(name) not in _WEB


def is_in_web(file: RemoteFile) -> bool:
    """Tell whether a file has an address of the web, which need not tell its format."""
    return scheme_of(file.name) in _WEB


def remote_files(
    address: str, *, progress: ProgressChoice, listing_seconds: float = LISTING_SECONDS
) -> Iterator[RemoteFile | BadFile]:
    """Find the files of an address, of a pattern or below a directory, in the order of their names.

    What cannot be found is a `BadFile`. Raise `SourceError` if a package is missing.
    """
    name = shown_address(address)
    system, path = _file_system(address, name)
    if scheme_of(address) in _WEB:
        # The web has no directories and no wildcards.
        yield RemoteFile(system=system, path=path, name=name)
        return
    listing = in_background(lambda: _listed(system, path), name="events-pandas-listing")
    with progress_bar(progress, total=None, description=f"listing {name}", delay_seconds=2.0) as bar:
        until = time.monotonic() + listing_seconds
        while not wait([listing], _LOOK_SECONDS).done:
            bar.tick()
            if time.monotonic() >= until:
                fault = f"no names of files came within {listing_seconds:,g} s: check the address and the network"
                yield bad(name, fault)
                return
    error = listing.exception()
    if error is not None:
        yield bad(name, _why(error))
        return
    base, found = listing.result()
    if not found:
        yield bad(name, "there is no such file")
    yield from _named(system, base, found, name=name if base == path else _base(name))


def download(file: RemoteFile, to: Path, *, progress: ProgressChoice, silent_seconds: float = SILENT_SECONDS) -> None:
    """Copy a file to this machine. Raise `SourceError` if it cannot be copied, or if nothing comes any more."""
    with _without_logs(file.path):
        call = in_background(lambda: file.system.get_file(file.path, str(to)), name="events-pandas-download")
        with progress_bar(progress, total=None, description=f"downloading {file.name} (MB)", delay_seconds=2.0) as bar:
            _await_growth(call, to, file.name, on_growth=bar.advance, silent_seconds=silent_seconds)
    error = call.exception()
    # Outside of any handler: the error of the library may hold the whole address.
    if error is not None and is_full(error):
        raise copy_fault(file.name, OSError(*error.args[:2]))
    if error is not None:
        # An address may have such signs, and a pattern is no address.
        is_pattern = is_in_web(file) and glob.has_magic(file.name)
        hint = "; a web address stands for one file, and not for a pattern: give each address" if is_pattern else ""
        raise SourceError(f"{file.name}: {_why(error)}{hint}")
    if not to.stat().st_size:
        raise SourceError(f"{file.name}: is empty")


def _await_growth(
    call: "Future[None]", path: Path, name: str, *, on_growth: Callable[[int], object], silent_seconds: float
) -> None:
    """Wait for the end of a download, as long as the file grows."""
    size, until = 0, time.monotonic() + silent_seconds
    while not wait([call], _LOOK_SECONDS).done:
        before, size = size, path.stat().st_size
        on_growth(size // _MEGABYTE - before // _MEGABYTE)
        if size != before:
            until = time.monotonic() + silent_seconds
        if time.monotonic() >= until:
            raise SourceError(f"{name}: nothing came for {silent_seconds:,g} s: try again later")


@contextmanager
def _without_logs(path: str) -> Iterator[None]:
    """Keep an address out of fsspec's log: it may have a signature."""
    logger = logging.getLogger("fsspec.http")

    def is_other(record: logging.LogRecord) -> bool:
        return path not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _file_system(address: str, name: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path there."""
    # Another run would find the names of this one in a cache.
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    try:
        import fsspec  # noqa: PLC0415  # An extra: only addresses need it.

        if scheme_of(address) in _WEB:
            return fsspec.filesystem(scheme_of(address), **options, **_web_options(address)), address
        system, path = fsspec.core.url_to_fs(address, **options)
    except ImportError:
        fault = "a package that reads such addresses is missing: pip install 'events-pandas[remote]'"
    except Exception as error:  # noqa: BLE001  # Each service has errors of its own.
        fault = _why(error)
    else:
        return system, path
    # Outside of the handlers, for the same reason as in `download`.
    raise SourceError(f"{name}: {fault}")


def _web_options(address: str) -> Mapping[str, Any]:
    import aiohttp  # noqa: PLC0415  # An extra, too.

    # By default a download ends after five minutes, and proxies do not count.
    limits = aiohttp.ClientTimeout(total=None, sock_connect=SILENT_SECONDS, sock_read=SILENT_SECONDS)
    session = {"timeout": limits, "trust_env": True, "raise_for_status": _require_whole}
    return {"client_kwargs": session, "encoded": "%" in address}


async def _require_whole(response: Any) -> None:
    """Raise an error for an answer of success that is not the whole file; fsspec knows the others."""
    if response.status in _WITHOUT_FILE:
        raise _NotWholeError(response.status)


class _NotWholeError(OSError):
    """The server answered with another status than that of a file."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


def _listed(system: Any, path: str) -> tuple[str, dict[str, str | None]]:
    """Return the base of a path or pattern, and the paths of its files, each with the directory that has it."""
    base = path
    try:
        infos = {path: system.info(path)}
    except FileNotFoundError:
        if not glob.has_magic(path):
            raise
        base = _base(path)
        infos = _matches(system, base, _rest(path, base).split("/"))
    found: dict[str, str | None] = {}
    for place in sorted(infos):
        if infos[place]["type"] != "directory":
            found.setdefault(place, None)
            continue
        for below in sorted(system.find(place)):
            is_hidden = any(name.startswith(LEFT_OUT) for name in _rest(below, place).split("/"))
            if not (is_hidden or _is_marker(below)):
                found.setdefault(below, place)
    return base, found


def _matches(system: Any, base: str, parts: Sequence[str]) -> dict[str, Any]:
    """Return what the parts of a pattern match below a path, with the facts of each."""
    # Not fsspec's glob: that enters hidden folders, and its rules differ between versions.
    depth = None if ANY_FOLDERS in parts else len(parts)
    places: dict[str, Any] = system.find(base, maxdepth=depth, withdirs=True, detail=True)
    return {
        place: info
        for place, info in places.items()
        if not _is_marker(place) and fits(_rest(place, base).split("/"), parts)
    }


def _is_marker(path: str) -> bool:
    """Tell whether a file only stands for a folder: Amazon's console makes such files, which are empty."""
    return path.endswith("/")


def _base(pattern: str) -> str:
    """Return the part of a pattern before its first wildcard."""
    parts = pattern.split("/")
    return "/".join(parts[: next(place for place, part in enumerate(parts) if glob.has_magic(part))])


def _rest(path: str, base: str) -> str:
    return path[len(base) :].strip("/")


def _named(system: Any, base: str, found: Mapping[str, str | None], *, name: str) -> Iterator[RemoteFile]:
    """Yield the files that were found below a base, whose name has what its path lacks, such as the scheme."""
    for path, directory in found.items():
        rest = _rest(path, base)
        yield RemoteFile(
            system=system,
            path=path,
            name=_below(name, rest),
            folders=tuple(rest.split("/")[:-1]),
            directory=None if directory is None else _below(name, _rest(directory, base)),
        )


def _below(name: str, rest: str) -> str:
    return "/".join(filter(None, (name.rstrip("/"), rest)))


def _why(error: BaseException) -> str:
    """Say why a file cannot be had, without an address: the text of an error may hold one with its secrets."""
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError) or status in _REFUSED:
        return _NO_ACCESS
    if status == HTTPStatus.PARTIAL_CONTENT:
        return "the server answered with a part of the file (206): download the whole file, and give its path"
    if isinstance(status, int) and status:
        return f"the server answered {status}: try again later"
    if isinstance(error, TimeoutError | ConnectionError) or type(error).__module__.startswith("aiohttp"):
        return f"the server cannot be reached, or hung up ({type(error).__name__}): check the address and the network"
    text = " ".join(str(error).split())[:_SHOWN_CHARACTERS]
    return f"cannot be read: {type(error).__name__}" if "://" in text or not text else f"cannot be read: {text}"
