"""A CSV file in the current folder."""

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a CSV file of rows "contact,day" into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(name, *rows, header="who,day"):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in (header, *rows)))
        return name

    return write
