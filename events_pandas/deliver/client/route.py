"""The way to an address: proxies and certificates of the environment, and one pool of connections."""

import ssl
import threading
from pathlib import Path
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

    Its connections keep the deadline of each attempt. urllib3 alone handles a SOCKS proxy (with PySocks): each wait has
    the whole time there.
    """

    def __init__(self, base_url: str, *, max_connections: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=max_connections)
        self._max_connections = max_connections
        self._base_url = base_url
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._opening = threading.Lock()
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Start afresh in a child: a thread that the child does not have may hold the lock."""
        self._opening = threading.Lock()
        self.proxy_manager = {}

    def get_connection_with_tls_context(self, *_: object, **__: object) -> urllib3.HTTPConnectionPool:
        """Return the same pool for all requests until `close`; raise `TransportError` if the environment prevents one.

        requests would look for the pool each time, and read the certificates for every connection.
        """
        return self._pool or self._open()

    def cert_verify(self, *_: object, **__: object) -> None:
        """Leave the pool as it is: it has its certificates, and verifies."""

    def request_url(self, request: requests.PreparedRequest, *_: object, **__: object) -> str:
        """Return the target for the request line: the whole URL for a proxy that forwards plain http, else the path."""
        pool = self.get_connection_with_tls_context()
        target = request.url if pool.proxy and pool.scheme == "http" else request.path_url
        return target or ""

    def close(self) -> None:
        """Close the connections; another request would open new ones."""
        pool, self._pool = self._pool, None
        # The adapter itself only forgets the pool: the garbage collector would close its connections some time later.
        if pool is not None:
            pool.close()
        super().close()

    def _open(self) -> urllib3.HTTPConnectionPool:
        # Only at the first request: an error in the environment is then a failure of a request.
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
        """Let requests read the proxy from the environment: it may have a login or SOCKS, and lack a scheme."""
        url = self._base_url
        settings = requests.Session().merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
        # The token travels to this machine in plain text: no proxy may see it.
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


def _context(verify: bool | str | None) -> ssl.SSLContext:  # noqa: FBT001  # as in requests: True stands for its own file
    """Read the certificates once: urllib3 alone would read them for every connection, in 17 ms each."""
    place = Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
    context = create_urllib3_context()
    keep_deadline(context)
    context.load_verify_locations(**{"capath" if place.is_dir() else "cafile": str(place)})
    return context
