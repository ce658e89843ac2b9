"""Where Intercom is: regions and base URLs, judged before a token goes there."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

from events_pandas import intercom
from events_pandas.errors import CredentialsError, Setting
from events_pandas.loopback import is_loopback
from events_pandas.words import did_you_mean

DEFAULT_REGION: Final = "us"
REGION_VARIABLE: Final = "INTERCOM_REGION"


def region_url(region: str) -> str:
    """Return the address of a region.

    Parameters
    ----------
    region : str
        ``"us"``, ``"eu"`` or ``"au"``, in any case.

    Returns
    -------
    str
        Its base URL.

    Raises
    ------
    CredentialsError
        If Intercom has no such region.
    """
    known = intercom.REGION_URLS
    # As text whatever it is: of bytes or a number it can be said that there is no such region, too.
    name = str(region).strip().lower()
    url = known.get(name)
    if url is None:
        cure = did_you_mean(name, known, cutoff=0.5, otherwise=f"it is one of {', '.join(map(repr, known))}")
        raise CredentialsError(f"no region {region!r}: {cure} (the argument region, or {REGION_VARIABLE})")
    return url


def checked_base_url(base_url: str, *, allow_http: bool) -> str:
    """Check an address before a token goes there.

    Parameters
    ----------
    base_url : str
        An http or https URL, with a path or without.
    allow_http : bool
        Whether the token may travel in plain text beyond this machine.

    Returns
    -------
    str
        The address without slashes at its end.

    Raises
    ------
    CredentialsError
        If it is no such URL, holds more than an address, or is plain http to another machine.
    """
    # The address itself is quoted only once it is known to hold no password.
    parts = _split(base_url)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise CredentialsError("base_url holds a user or a password: leave it out, the access token is all there is")
    if "?" in base_url or "#" in base_url:
        raise CredentialsError("base_url has a query or a fragment: end it before the '?' or '#'")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname or ""):
        raise CredentialsError(
            f"base_url {base_url!r} would send the access token in plain text",
            remedy=f"use https, or {Setting.ALLOW_HTTP} if the network is yours",
        )
    return base_url.strip().rstrip("/")


def _split(base_url: str) -> SplitResult:
    malformed = CredentialsError("base_url is no http or https URL: it looks like 'https://api.intercom.io'")
    if not isinstance(base_url, str):
        raise malformed
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError:
        raise malformed from None
    has_blank = any(character.isspace() or not character.isprintable() for character in base_url.strip())
    if parts.scheme not in intercom.LINK_SCHEMES or not parts.hostname or port == 0 or has_blank:
        raise malformed
    return parts
