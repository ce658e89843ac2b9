"""Files elsewhere: addresses are listed, downloaded once, and shown without their secrets."""

import gzip
import http.server
import io
import logging
import socket
import sys
import threading
import traceback

import fsspec
import pandas as pd
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import opened_files, read_first_rows
from events_pandas.sources.remote import download, remote_files, shown_address

ROWS = b"who,day\n1,2024-01-31\n"
SECRET = "c2lnbmF0dXJl"
KNOWN = "files of this format cannot be read: use .csv, .jsonl, .parquet, .feather or .xlsx, also compressed (.csv.gz)"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path: a status, bytes, or a function of the handler."""

    answers = {}  # noqa: RUF012  # Each server has a class of its own.
    seen = []  # noqa: RUF012

    def do_GET(self):
        self.seen.append(self.path)
        answer = self.answers.get(self.path.partition("?")[0], 404)
        if callable(answer):
            answer(self)
            return
        self.send_response(answer if isinstance(answer, int) else 200)
        body = b"" if isinstance(answer, int) else answer
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def serve():
    """Start a web server with answers by path; return its address and the paths that were asked for."""
    servers = []

    def serve(**answers):
        kind = type("OwnHandler", (Handler,), {"answers": {f"/{k}": v for k, v in answers.items()}, "seen": []})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", kind.seen

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def bucket():
    """Put files into a store in memory, which is listed like one of S3."""
    store = fsspec.filesystem("memory")

    def bucket(*names, content=ROWS):
        for name in names:
            store.pipe_file(f"/{name}", content)

    yield bucket
    store.rm("/", recursive=True)


@pytest.fixture
def names():
    """Return the names of the files of an address."""

    def names(address):
        with opened_files(address) as files:
            return [file.name for file in files]

    return names


@pytest.fixture
def fault():
    """Return the error for an address."""

    def fault(*addresses):
        with pytest.raises(SourceError) as caught, opened_files(addresses):
            pass
        return caught.value

    return fault


def test_file_of_an_address_is_downloaded_once(serve):
    """It is read from the copy as often as needed, also if it is named twice."""
    address, seen = serve(orders=ROWS)

    with opened_files([f"{address}/orders"] * 2) as files:
        frames = [read_first_rows(file, 10) for file in files]

    assert [frame["who"].tolist() for frame in frames] == [["1"], ["1"]]
    assert seen == ["/orders"]


def test_pattern_in_the_web_says_that_there_are_none(serve, fault):
    """A web server does not list its files, so each address must be given."""
    address, _ = serve(**{"x1.csv": ROWS})

    assert str(fault(f"{address}/x*.csv")) == (
        f"{address}/x*.csv: there is no such file; a web address stands for one file, and not for a pattern: give each "
        "address"
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", ROWS), ("a.csv.gz", gzip.compress(ROWS)), ("export", ROWS), ("export", gzip.compress(ROWS))],
    ids=["CSV", "gz", "CSV by content", "gz by content"],
)
def test_format_of_an_address_is_that_of_its_name_or_content(serve, name, content):
    """An address of the web need not tell the format; its query does not count."""
    address, _ = serve(**{name: content})

    with opened_files(f"{address}/{name}?format=x.parquet") as (file,):
        assert read_first_rows(file, 10)["who"].tolist() == ["1"]


def test_directory_of_an_address_stands_for_the_files_below_it(bucket, names):
    """It is as on this machine: ordered, without hidden files, with partitions."""
    bucket("lake/year=1998/a.csv", "lake/year=1997/b.csv", "lake/_SUCCESS", "lake/_x/c.csv", "lake/.a.crc")

    assert names("memory://lake") == ["memory://lake/year=1997/b.csv", "memory://lake/year=1998/a.csv"]


@pytest.mark.parametrize("pattern", ["lake/*/*.csv", "lake/**/*.csv", "lake/year=*", "lake/year=199[78]"])
def test_pattern_of_an_address_matches_there(bucket, pattern):
    """Folders below the part before the first wildcard are partitions."""
    bucket("lake/year=1998/a.csv", "lake/year=1997/b.csv", "lake/c.doc")

    with opened_files(f"memory://{pattern}") as files:
        found = {file.name: dict(file.partitions) for file in files}

    assert found == {
        "memory://lake/year=1997/b.csv": {"year": "1997"},
        "memory://lake/year=1998/a.csv": {"year": "1998"},
    }


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("lake/*.csv", ["_a.csv", "a.csv"]),
        ("lake/.*.csv", [".a.csv"]),
        ("lake/**/*.csv", ["_a.csv", "a.csv", "x/b.csv", "x/y/c.csv"]),
        ("lake/**", ["a.csv", "x/b.csv", "x/y/c.csv"]),
        ("lake/*/*.csv", ["_old/e.csv", "x/b.csv"]),
    ],
)
def test_pattern_finds_the_same_files_there_and_here(bucket, names, tmp_path, monkeypatch, pattern, found):
    """Hidden names and folders follow one rule."""
    monkeypatch.chdir(tmp_path)
    files = [
        f"lake/{name}" for name in ("a.csv", ".a.csv", "_a.csv", "x/b.csv", "x/y/c.csv", ".git/d.csv", "_old/e.csv")
    ]
    bucket(*files)
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(ROWS)

    assert names(pattern) == [f"lake/{name}" for name in found]
    assert names(f"memory://{pattern}") == [f"memory://lake/{name}" for name in found]


def test_remote_file_of_an_unknown_format_is_a_fault(bucket, fault):
    """It is reported before it is downloaded, as on this machine."""
    bucket("lake/a.csv", "lake/notes.doc")

    assert str(fault("memory://lake")) == (
        f"memory://lake/notes.doc: {KNOWN}, or give a pattern such as 'memory://lake/*.csv'"
    )


@pytest.mark.parametrize("address", ["memory://lake/x.csv", "memory://lake/*.parquet"])
def test_missing_remote_file_is_a_fault(bucket, fault, address):
    """A pattern that matches nothing is one, too."""
    bucket("lake/a.csv")

    assert str(fault(address)) == f"{address}: there is no such file"


def test_remote_parquet_is_read(bucket):
    """A copy has the name that its format needs."""
    content = io.BytesIO()
    pd.DataFrame({"who": [1, 2]}).to_parquet(content)
    bucket("a.parquet", content=content.getvalue())

    with opened_files("memory://a.parquet") as (file,):
        assert read_first_rows(file, 10)["who"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (404, "there is no such file"),
        (403, "access is refused: check the address, and whether the credentials have expired"),
        (401, "access is refused: check the address, and whether the credentials have expired"),
        (503, "the server answered 503: try again later"),
        (b"", "is empty"),
        (
            b"<!DOCTYPE html><title>Log in</title>",
            "is a web page, and not a file of rows: check its address, and download the file itself",
        ),
    ],
    ids=["missing", "forbidden", "unauthorized", "unavailable", "empty", "web page"],
)
def test_answer_without_rows_is_a_fault(serve, fault, answer, why):
    """The error has one line: the address without its query, and what to do."""
    address, _ = serve(orders=answer)

    assert str(fault(f"{address}/orders?sig={SECRET}")) == f"{address}/orders: {why}"


def packed_by_the_server(body):
    """Answer as if the server had packed a file that is stored packed."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize("times", [1, 2])
def test_packed_file_is_read_if_the_server_says_that_it_packed_it(serve, times):
    """A file of gzip arrives unpacked if the server names its own compression as that of the answer."""
    body = ROWS
    for _ in range(times):
        body = gzip.compress(body)
    address, _ = serve(**{"a.csv.gz": packed_by_the_server(body)})

    with opened_files(f"{address}/a.csv.gz") as (file,):
        assert read_first_rows(file, 10)["who"].tolist() == ["1"]


def answered_with(status):
    """Answer with some rows and a status of success."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(ROWS)))
        handler.end_headers()
        handler.wfile.write(ROWS)

    return answer


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (202, "the server answered 202: try again later"),
        (206, "the server answered with a part of the file (206): download the whole file, and give its path"),
    ],
)
def test_answer_that_is_not_the_whole_file_is_a_fault(serve, fault, status, why):
    """Rows would be lost untold."""
    address, _ = serve(**{"a.csv": answered_with(status)})

    assert str(fault(f"{address}/a.csv")) == f"{address}/a.csv: {why}"


def hang_up(handler):
    """Promise more bytes than there are."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(ROWS)


def test_download_that_breaks_off_is_a_fault(serve, fault):
    """A file that arrives in part is not read."""
    address, _ = serve(**{"a.csv": hang_up})

    assert str(fault(f"{address}/a.csv")) == (
        f"{address}/a.csv: the server cannot be reached, or hung up (ClientPayloadError): "
        "check the address and the network"
    )


def test_server_that_cannot_be_reached_is_a_fault(fault):
    """The error names the kind of the trouble."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/a.csv"

    assert str(fault(address)) == (
        f"{address}: the server cannot be reached, or hung up (ClientConnectorError): check the address and the network"
    )


@pytest.mark.parametrize("begun", [True, False])
def test_download_that_stalls_is_a_fault(serve, tmp_path, begun):
    """A server that sends nothing any more is not waited for."""
    end = threading.Event()

    def stall(handler):
        if begun:
            hang_up(handler)
            handler.wfile.flush()
        end.wait(20)

    address, _ = serve(**{"a.csv": stall})
    (file,) = remote_files(f"{address}/a.csv", progress=False)
    (tmp_path / "copy").touch()

    with pytest.raises(SourceError) as caught:
        download(file, tmp_path / "copy", progress=False, silent_seconds=0.3)

    end.set()
    assert str(caught.value) == f"{address}/a.csv: nothing came for 0.3 s: try again later"


@pytest.mark.parametrize(
    ("address", "package"),
    [("s3://bucket/a.csv", "s3fs"), ("https://host/a.csv", "aiohttp"), ("https://host/a.csv", "fsspec")],
)
def test_package_that_is_missing_is_named(fault, monkeypatch, address, package):
    """Each kind of address needs packages of its own, and one extra has them all."""
    monkeypatch.setitem(sys.modules, package, None)

    assert str(fault(address)) == (
        f"{address}: a package that reads such addresses is missing: pip install 'events-pandas[remote]'"
    )


def test_unknown_scheme_is_a_fault(fault):
    """The error names the address."""
    assert str(fault("gopher://host/a.csv")) == "gopher://host/a.csv: cannot be read: Protocol not known: gopher"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/a.csv?X-Amz-Signature=s#top", "https://host/a.csv"),
        ("https://ada:lovelace@host/a.csv", "https://host/a.csv"),
        ("https://token@host/a.csv", "https://host/a.csv"),
        ("s3://bucket/a.csv", "s3://bucket/a.csv"),
        ("s3://key:secret@bucket/a.csv", "s3://bucket/a.csv"),
        ("s3://bucket/a.csv?versionId=1", "s3://bucket/a.csv"),
        ("s3://bucket/a?.csv", "s3://bucket/a?.csv"),
        ("https://ada:love/lace@host/a.csv", "https://host/a.csv"),
        ("https://ada:love@lace@host/a.csv", "https://host/a.csv"),
        ("https:/host/a.csv?sig=s", "https:/host/a.csv"),
        ("https:/ada:lovelace@host/a.csv", "https:/host/a.csv"),
        ("simplecache::https://ada:lovelace@host/a.csv?sig=s", "simplecache::https://host/a.csv"),
        ("zip://a.csv::https://ada:lovelace@host/a.zip?sig=s", "zip://host/a.zip"),
        ("https://host/@ada/a.csv", "https://host/@ada/a.csv"),
        ("http://[::1]:8000/a.csv", "http://[::1]:8000/a.csv"),
        ("s3://bucket/a@b.csv", "s3://bucket/a@b.csv"),
        ("abfs://container@account.dfs.core.windows.net/a.csv", "abfs://container@account.dfs.core.windows.net/a.csv"),
    ],
)
def test_address_is_shown_without_secrets(address, shown):
    """A query may be a signature, and a user may have a password."""
    assert shown_address(address) == shown


CHAIN = "addresses joined by '::' are not read: give the address of the file itself"
NO_ADDRESS = "is neither an address nor a file: write https://host/file.csv or the like"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https:/host/a.csv?sig=SECRET", f"https:/host/a.csv: {NO_ADDRESS}"),
        (" https:/ada:SECRET@host/a.csv", f" https:/host/a.csv: {NO_ADDRESS}"),
        ("https:///host/a.csv?sig=SECRET", "https:///host/a.csv"),
        ("simplecache::https://ada:SECRET@host/a.csv?sig=SECRET", f"simplecache::https://host/a.csv: {CHAIN}"),
        ("zip://a.csv::s3://key:SECRET@bucket/a.zip", f"zip://bucket/a.zip: {CHAIN}"),
    ],
)
def test_name_that_was_meant_as_an_address_is_shown_without_secrets(fault, address, message):
    """What cannot be read as an address is not looked for as a file, and its error hides what may be secret."""
    shown = str(fault(address))

    assert shown.startswith(message)
    assert "SECRET" not in shown


def test_address_may_stand_between_blanks(serve, names):
    """Blanks come with an address that was pasted."""
    url, _ = serve(**{"a.csv": ROWS})

    assert names(f" {url}/a.csv\n") == [f"{url}/a.csv"]


@pytest.mark.parametrize(
    "answer", [404, 403, 500, b"", hang_up, ROWS], ids=["missing", "forbidden", "error", "empty", "hung up", "rows"]
)
def test_secrets_of_an_address_are_in_no_error_or_log(serve, caplog, capfd, answer):
    """Neither messages nor the chain of errors nor logs at any level have the query."""
    caplog.set_level(logging.DEBUG)
    address, seen = serve(orders=answer)
    traces = []

    try:
        with opened_files(f"{address}/orders?sig={SECRET}") as (file,):
            traces.append(repr(file))
    except SourceError as error:
        traces += [*traceback.format_exception(error), repr(error.__context__)]

    assert seen == [f"/orders?sig={SECRET}"]
    assert SECRET not in "\n".join([*traces, caplog.text, *capfd.readouterr()])
