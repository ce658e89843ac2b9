"""How a run names its files: in words, and so that two runs of one file agree."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from events_pandas.sources import SourceFile
from events_pandas.sources.remote import scheme_of
from events_pandas.words import file_words, listed

FILES_NAMED: Final = 3
"""How many files a message or the history of a run names at most."""


def real_name(file: SourceFile) -> str:
    """Return a name that two runs of one file agree on."""
    if scheme_of(file.name) is not None:
        # An address is named without its signature, which is another one every night.
        return file.name
    # A name such as "-" is no file, and its rows are in a file of this run alone.
    return os.path.realpath(file.name if Path(file.name).exists() else file.path)


def words_for_files(files: Sequence[SourceFile]) -> str:
    """Return the names of a few files, or the first names of many."""
    return listed([file_words(file.name) for file in files], most=FILES_NAMED, longest=math.inf)
