"""Files checked row by row, without holding the rows: before a submission, or instead of one."""

from dataclasses import replace
from typing import Final

from events_pandas.deliver import IntercomClient, ProgressChoice
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.results import CheckReport
from events_pandas.results.destination import Destination
from events_pandas.run.file_frames import FileFrames, read_frames, require_unchanged
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions
from events_pandas.run.rows_check import RowsCheck, known_destination, rows_stream
from events_pandas.sources import Places

_READ_ROWS: Final = 30_000
"""About how many rows are read at a time: few enough that several chunks take little memory."""


def check_files(
    paths: Places,
    mapping: EventMapping,
    *,
    client: IntercomClient | None = None,
    skips_bad: bool = False,
    limit: int | None = None,
    options: RunOptions | None = None,
) -> CheckReport:
    """Check the rows of files, or the first ones, in the chunks of a run, as `check_file` documents."""
    require_mapping(mapping)
    options = options or RunOptions()
    with fitting_files(paths, mapping, progress=options.progress, skips_bad=skips_bad) as fit:
        # Asked first: a token that is refused is known before the rows are read.
        destination = known_destination(client, progress=options.progress)
        frames = read_frames(fit, mapping, options=options, limit=limit)
        return check_frames(frames, destination=destination, progress=options.progress)


def check_frames(frames: FileFrames, *, destination: Destination | None, progress: ProgressChoice) -> CheckReport:
    """Check every row of files, as a submission in the same chunks would."""
    require_unchanged(frames.files)
    stream, chunksize = rows_stream(frames.mapping), frames.chunksize
    stream.types, stream.remarks = frames.types.rules, frames.types.remarks
    most = chunksize if stream.earlier else max(_READ_ROWS // chunksize, 1) * chunksize
    read = replace(frames, chunksize=most)
    check = RowsCheck(frames=read, stream=stream, chunksize=chunksize, progress=progress)
    report = check.report("files", total=frames.total, destination=destination)
    # Without progress they were not counted before.
    frames.total = report.rows
    return replace(report, places=read.in_files, skipped_files=frames.skipped, empty_files=read.empty_files)
