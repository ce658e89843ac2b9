"""The way to an address: proxies and certificates of the environment, and the pool of connections that uses them."""

import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, prepend_scheme_if_needed, select_proxy
from urllib3.util.ssl_ import create_urllib3_context

from events_pandas.deliver.client.answers import TransportError
from events_pandas.deliver.client.deadline import keep_deadline
from events_pandas.deliver.client.exchange import CHECKED_POOLS, checked_pools
from events_pandas.forking import leave_to_parent_at_fork
from events_pandas.loopback import is_loopback


class Route(HTTPAdapter):
    """An adapter of requests for one address: one pool of connections, one set of certificates.

    Its connections keep the deadline of each attempt. Through a SOCKS proxy (which takes PySocks, and is left to
    urllib3) each wait has the whole time.

    Parameters
    ----------
    base_url : str
        An http or https URL.
    max_connections : int
        Connections that are kept open at most.
    """

    def __init__(self, base_url: str, *, max_connections: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=max_connections)
        self._max_connections = max_connections
        self._base_url = base_url
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._opening = threading.Lock()
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Begin anew in a child, where a thread that is not there may hold the lock."""
        self._opening = threading.Lock()
        self.proxy_manager = {}

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> urllib3.HTTPConnectionPool:
        """Return the pool; requests would look for it anew, and read certificates for every connection.

        Parameters
        ----------
        *_ : object
            The request, which goes where all of them go.
        **__ : object
            What requests has as settings; the pool has its own.

        Returns
        -------
        urllib3.HTTPConnectionPool
            The same for all requests until the adapter is closed.

        Raises
        ------
        TransportError
            If the environment names certificates that cannot be read, or a proxy that makes no sense.
        """
        return self._pool or self._open()

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave the pool as it is: it has certificates, and verifies.

        Parameters
        ----------
        *_ : object
            The pool, and what requests has as settings.
        **__ : object
            Likewise.
        """

    def request_url(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> str:
        """Return the target of a request: all of the URL for a proxy that passes plain requests on, or else its path.

        Parameters
        ----------
        request : requests.PreparedRequest
            Its URL is below the address.
        *_ : object
            What requests has as proxies; the pool has its own.
        **__ : object
            Likewise.

        Returns
        -------
        str
            What stands in the first line.
        """
        pool = self.get_connection_with_tls_context()
        target = request.url if pool.proxy and pool.scheme == "http" else request.path_url
        return target or ""

    def close(self) -> None:
        """Close the connections; another request would open new ones."""
        pool, self._pool = self._pool, None
        # The adapter only forgets it, which closes its connections when it is collected at some time or other.
        if pool is not None:
            pool.close()
        super().close()

    def _open(self) -> urllib3.HTTPConnectionPool:
        # At the first request and not before: what is wrong with the environment is a failure of a request.
        try:
            with self._opening:
                self._pool = pool = self._pool or self._manager().connection_from_url(self._base_url)
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            message = f"the proxy that the environment names for {urlsplit(self._base_url).netloc} cannot be used"
        except OSError:
            message = "the file that REQUESTS_CA_BUNDLE names cannot be read"
        else:
            return pool
        raise TransportError(message, may_have_arrived=False)

    def _manager(self) -> urllib3.PoolManager:
        """Let requests read what an environment may say of a proxy: a login, a missing scheme, SOCKS."""
        url = self._base_url
        settings = requests.Session().merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
        # A token for a server on this machine travels in plain text: it must not visit a proxy.
        proxies = {} if is_loopback(urlsplit(url).hostname or "") else settings["proxies"]
        proxy = select_proxy(url, proxies)
        context = _context(settings["verify"]) if proxy or url.startswith("https") else None
        if proxy and proxy.lower().startswith("socks"):
            manager: urllib3.PoolManager = self.proxy_manager_for(proxy, ssl_context=context)
            manager.pool_classes_by_scheme = checked_pools(manager.pool_classes_by_scheme)
            return manager
        if proxy:
            with_scheme = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
            manager = self.proxy_manager_for(with_scheme, ssl_context=context, proxy_ssl_context=context)
        else:
            self.init_poolmanager(1, self._max_connections, ssl_context=context)
            manager = self.poolmanager
        manager.pool_classes_by_scheme = CHECKED_POOLS
        return manager


def _context(verify: bool | str | None) -> ssl.SSLContext:  # noqa: FBT001  # as requests has it: True is its own file
    """Read the certificates once: urllib3 alone would read them again for every connection, in 17 ms each."""
    place = Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
    context = create_urllib3_context()
    keep_deadline(context)
    context.load_verify_locations(**{"capath" if place.is_dir() else "cafile": str(place)})
    return context
