"""Addresses: where a token may go."""

import pytest

from events_pandas.deliver.client.address import checked_base_url, region_url
from events_pandas.errors import CredentialsError


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us", "https://api.intercom.io"),
        ("eu", "https://api.eu.intercom.io"),
        (" AU\n", "https://api.au.intercom.io"),
    ],
)
def test_region_url_knows_intercoms_regions(region, url):
    """Each region has its address, in any case and with blanks around it."""
    assert region_url(region) == url


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("ue", "region: unknown region 'ue': use one of 'us', 'eu', 'au'"),
        (3, "region: unknown region 3: use one of 'us', 'eu', 'au'"),
    ],
)
def test_region_url_says_which_regions_there_are(region, message):
    """An unknown region is refused with a list of all regions."""
    with pytest.raises(CredentialsError) as caught:
        region_url(region)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("base_url", "checked"),
    [
        ("https://api.intercom.io", "https://api.intercom.io"),
        (" https://api.intercom.io//\n", "https://api.intercom.io"),
        ("https://proxy.example.com/intercom/", "https://proxy.example.com/intercom"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_checked_base_url_trims_the_end(base_url, checked):
    """Blanks around an address and slashes at its end are cut; plain http may go to this machine."""
    assert checked_base_url(base_url, allow_http=False) == checked


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.intercom.io",
        "ftp://api.intercom.io",
        "https://",
        "https://api.intercom.io:port",
        "https://api.intercom.io:0",
        "https://[::1",
        "https://api .intercom.io",
        "https://api.intercom.io/\x00",
        b"https://api.intercom.io",
    ],
)
def test_checked_base_url_refuses_a_text_that_is_not_a_web_address(base_url):
    """An address has a scheme, a host, and a port that is possible."""
    with pytest.raises(CredentialsError) as caught:
        checked_base_url(base_url, allow_http=True)

    assert str(caught.value) == "base_url is not an http or https URL, such as 'https://api.intercom.io'"


@pytest.mark.parametrize(
    ("base_url", "message"),
    [
        (
            "https://ada:secret@api.intercom.io",
            "base_url holds a user or a password: remove them, the access token is enough",
        ),
        ("https://api.intercom.io?a=1", "base_url has a query or a fragment: end it before the '?' or '#'"),
        ("https://api.intercom.io#", "base_url has a query or a fragment: end it before the '?' or '#'"),
        (
            "http://api.intercom.io",
            (
                "base_url 'http://api.intercom.io' would send the access token in plain text: "
                "use https, or pass allow_http=True if the network is yours"
            ),
        ),
    ],
)
def test_checked_base_url_refuses_more_than_an_address(base_url, message):
    """A password, a query, and plain text to another machine are refused."""
    with pytest.raises(CredentialsError) as caught:
        checked_base_url(base_url, allow_http=False)

    assert str(caught.value) == message


def test_checked_base_url_takes_plain_http_when_it_is_allowed():
    """The owner of a network may allow plain text."""
    assert checked_base_url("http://intercom.test", allow_http=True) == "http://intercom.test"
