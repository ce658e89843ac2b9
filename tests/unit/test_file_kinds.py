"""What stands at a path."""

import os
import socket
from pathlib import Path

import pytest

from events_pandas.filesystem import odd_kind


@pytest.fixture
def place(tmp_path):
    """A folder with one of each kind."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "lost").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        yield tmp_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("file", None),
        ("link", None),
        ("lost", None),
        ("nowhere", None),
        ("nul\0", None),
        (".", "a directory"),
        ("pipe", "a pipe"),
        ("zero", "a device"),
        ("socket", "a socket"),
    ],
)
def test_odd_kind_names_what_is_not_a_file(place, name, kind):
    """Links are what they name; what is not there is told by whoever reads it."""
    assert odd_kind(Path(f"{place}/{name}")) == kind
