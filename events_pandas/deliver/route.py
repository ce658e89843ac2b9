"""The way to an address: proxies and certificates of the environment, and the pool of connections that uses them."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, prepend_scheme_if_needed, select_proxy
from urllib3.util.ssl_ import create_urllib3_context

from events_pandas.deliver.address import is_loopback
from events_pandas.deliver.deadline import TIMED_POOLS
from events_pandas.deliver.workers import MAX_CONCURRENCY


def open_pool(base_url: str) -> urllib3.HTTPConnectionPool:
    """Make the pool of connections to an address; none of them is opened yet.

    Parameters
    ----------
    base_url : str
        An http or https URL.

    Returns
    -------
    urllib3.HTTPConnectionPool
        Its connections keep the deadline of each attempt. Through a SOCKS proxy (which takes PySocks, and is left to
        urllib3) each wait has the whole time.

    Raises
    ------
    OSError
        If the certificates that the environment names cannot be read.
    requests.RequestException or urllib3.exceptions.HTTPError
        If the environment's proxy makes no sense.
    """
    settings = requests.Session().merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)
    # A token for a server on this machine travels in plain text: it must not visit a proxy.
    proxies = {} if is_loopback(urlsplit(base_url).hostname or "") else settings["proxies"]
    proxy = select_proxy(base_url, proxies)
    context = _context(settings["verify"]) if base_url.startswith("https") or proxy else None
    return _manager(proxy, context).connection_from_url(base_url)


def target_url(pool: urllib3.HTTPConnectionPool, base_url: str) -> str:
    """Return what the target of a request begins with.

    Parameters
    ----------
    pool : urllib3.HTTPConnectionPool
        As `open_pool` made it for the address.
    base_url : str
        The address.

    Returns
    -------
    str
        The path of the address; all of it for a proxy that passes plain requests on.
    """
    return base_url if pool.proxy and pool.scheme == "http" else urlsplit(base_url).path


def _manager(proxy: str | None, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    """Let requests read what an environment may say of a proxy: a login, a missing scheme, SOCKS."""
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=MAX_CONCURRENCY)
    manager: urllib3.PoolManager
    if not proxy:
        adapter.init_poolmanager(1, MAX_CONCURRENCY, ssl_context=context)
        manager = adapter.poolmanager
    elif proxy.lower().startswith("socks"):
        manager = adapter.proxy_manager_for(proxy, ssl_context=context)
        return manager
    else:
        url = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
        manager = adapter.proxy_manager_for(url, ssl_context=context, proxy_ssl_context=context)
    manager.pool_classes_by_scheme = TIMED_POOLS
    return manager


def _context(verify: bool | str | None) -> ssl.SSLContext:  # noqa: FBT001  # as requests has it: True is its own file
    """Read the certificates once: urllib3 alone would read them again for every connection, in 17 ms each."""
    place = Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
    context = create_urllib3_context()
    context.load_verify_locations(**{"capath" if place.is_dir() else "cafile": str(place)})
    return context
