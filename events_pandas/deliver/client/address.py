"""Where requests go: Intercom's regions and base URLs, checked before a token goes there."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

from events_pandas import intercom
from events_pandas.errors import CredentialsError
from events_pandas.loopback import is_loopback
from events_pandas.wording import Setting

DEFAULT_REGION: Final = "us"
REGION_VARIABLE: Final = "INTERCOM_REGION"


def region_url(region: str, *, read_from: str | Setting = Setting.REGION) -> str:
    """Return the base URL of a region (``"us"``, ``"eu"`` or ``"au"``, in any case), or raise `CredentialsError`."""
    known = intercom.REGION_URLS
    # Any value becomes text: the message below suits bytes and numbers too.
    name = str(region).strip().lower()
    url = known.get(name)
    if url is None:
        # Not a guess: 'ue' is as similar to 'us' as to 'eu'.
        remedy = f"use one of {', '.join(map(repr, known))}"
        raise CredentialsError((read_from, f": unknown region {region!r}"), remedy=remedy)
    return url


def checked_base_url(base_url: str, *, allow_http: bool) -> str:
    """Return an http or https URL without slashes at its end, or raise `CredentialsError`.

    Plain http to another machine needs `allow_http`: the token would travel in plain text.
    """
    # No message quotes the URL before it is known to hold no password.
    parts = _split(base_url)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise CredentialsError(
            (Setting.BASE_URL, " holds a user or a password: remove them, the access token is enough")
        )
    if "?" in base_url or "#" in base_url:
        raise CredentialsError((Setting.BASE_URL, " has a query or a fragment: end it before the '?' or '#'"))
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname or ""):
        raise CredentialsError(
            (Setting.BASE_URL, f" {base_url!r} would send the access token in plain text"),
            remedy=("use https, or ", Setting.ALLOW_HTTP, " if the network is yours"),
        )
    return base_url.strip().rstrip("/")


def _split(base_url: str) -> SplitResult:
    malformed = CredentialsError((Setting.BASE_URL, " is not an http or https URL, such as 'https://api.intercom.io'"))
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
