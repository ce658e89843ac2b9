"""The public functions: propose a mapping; check, submit and verify rows of a frame, a stream or files; and so on."""

import os
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal, Unpack

import numpy as np
import pandas as pd

from events_pandas.check import StreamCheck, first_payloads, frame_facts
from events_pandas.deliver import IntercomClient, ProgressChoice, Stop, progress_bar
from events_pandas.mapping import EventMapping, Table, as_frame, frames_of, is_streamed, read_table
from events_pandas.results import CheckReport, Verification
from events_pandas.results.destination import find_destination
from events_pandas.results.reject_numbers import number_signs, with_known_signs
from events_pandas.results.rejects import (
    REJECTS,
    find_rejects,
    is_left_to_next_run,
    left_out,
    rejected_rows,
    rejects_kind,
    with_index_levels,
)
from events_pandas.results.table_file import TableFile
from events_pandas.run.contacts import check_frame_contacts, create_frame_contacts
from events_pandas.run.file_check import check_files
from events_pandas.run.files import submit_files
from events_pandas.run.frames import unsent_results
from events_pandas.run.options import SubmitOptions, run_options, with_options
from events_pandas.run.run import Run
from events_pandas.run.stream_check import check_stream
from events_pandas.run.verification import SETTLE_SECONDS, VerifyOptions, verify_frame
from events_pandas.sources import COMPARED_ROWS, PathOrPaths, other_readings, payloads_of
from events_pandas.warned import warn_caller
from events_pandas.words import kind_of

if TYPE_CHECKING:
    from events_pandas.suggest.suggestion import SuggestedMapping


def check_events(frame: Table, mapping: EventMapping, *, client: IntercomClient | None = None) -> CheckReport:
    """Check every row of a frame without sending anything.

    Parameters
    ----------
    frame : pandas.DataFrame or table
        The rows; it is not changed. A table is what has the Arrow PyCapsule interface: of Polars, DuckDB, pyarrow,
        Narwhals and others.
    mapping : EventMapping
        Which column becomes which field.
    client : IntercomClient, optional
        With it the report names the workspace, warns if the workspace is in another region than the client's, and says
        how long submitting will take: one ``GET /me``, no event.

    Returns
    -------
    CheckReport
        Every row judged: as text, in a notebook as tables, and as data. `CheckReport.problems` has a row for each
        finding, on the caller's index, `CheckReport.metadata` one for each event name and metadata key.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame.
    SourceError
        If the rows of a stream do not fit into the folder for temporary files.
    SubmissionError
        With a client, if Intercom refuses the access token or cannot be reached: after 10 s without an answer, and
        after 30 s in which the answers only ask to try again later.

    Notes
    -----
    Submitting runs the same code. Without the rows that are reported with errors, a second check finds no error.

    A ``LazyFrame`` of Polars, a dataset of pyarrow and a reader of record batches are read once, batch by batch: 10 to
    60 bytes of memory are taken for each row. Unless rows are spread, those that share their event are read again: the
    columns that the mapping reads are kept until the report is made, up to 256 MB in memory and the others in a
    temporary file. Rows are judged as `iter_submit` would judge them: the first batch with a value decides the type of
    a bare column.
    `CheckReport.problems` then lists the first 10,000 rows of each code and field, and `CheckReport.payloads` has at
    most 1,000 events.

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> print(ep.check_events(orders, mapping))
    2 rows: 1 valid, 1 invalid, 0 duplicates
      contacts    1 of valid rows
      event name  'placed-order'
      created_at  2024-01-31 00:00:00 UTC
      requests    1
    error time_unreadable: 1 row, such as row 1: created_at: '2024-02-30' in column 'day' cannot be read as a time: ...
    """
    if is_streamed(frame):
        return check_stream(frame, mapping, client=client)
    rows = as_frame(frame, mapping)
    stream = StreamCheck(mapping=mapping)
    frame_check = stream.bound(rows)
    with progress_bar("auto", total=len(rows), description="checking", delay_seconds=2.0) as bar:
        frame_check.read(advance=bar.advance)
    checked, converter = frame_check.checked(now=time.time()), frame_check.converter
    destination = None if client is None else find_destination(client)
    if isinstance(destination, Stop):
        raise destination.error(unsent_results(checked, rows.index, destination))

    def payloads(n: int) -> list[bytes]:
        sent = np.flatnonzero(checked.is_sent)[:n]
        return first_payloads(converter, sent, checked.seconds(sent))

    return CheckReport(
        mapping=mapping,
        facts=frame_facts(checked),
        index=rows.index,
        first_payloads=payloads,
        text_keys=converter.text_keys,
        resolved=stream.types,
        destination=destination,
    )


def check_file(
    path: PathOrPaths, mapping: EventMapping, *, client: IntercomClient | None = None, skip_bad_files: bool = False
) -> CheckReport:
    r"""Check every row of files without sending anything.

    Parameters
    ----------
    path : str, os.PathLike or sequence of these
        Files, directories, patterns, addresses or ``"-"``, in CSV, JSON Lines, Parquet, Arrow or Excel, as for
        `submit_file`.
    mapping : EventMapping
        Which column becomes which field.
    client : IntercomClient, optional
        With it the report names the workspace, as with `check_events`. Intercom is asked before the rows are read.
    skip_bad_files : bool, default False
        Leave out files that are missing, cannot be read or lack a column. `CheckReport.skipped_files` has them with the
        reason of each, and `CheckReport.ok` is then False. By default they are an error.

    Returns
    -------
    CheckReport
        The report of `check_events` on all rows of all files. `CheckReport.problems` also has the file and the line of
        each finding; of each code and field it lists the first 10,000 rows. `CheckReport.payloads` has at most 1,000
        events.

    Raises
    ------
    SourceError
        If a file cannot be read, or changes meanwhile.
    MappingError
        If the mapping does not fit the files.
    SubmissionError
        With a client, if Intercom refuses the access token or cannot be reached; as for `check_events`.

    Notes
    -----
    The rows are not held: 10 to 60 bytes of each are kept, to find duplicates. Rows that are the same event as
    others are read a second time, to compare their metadata. Files are read as `submit_file` reads them.

    With ``duplicates="spread"`` rows are given the seconds that `submit_file` gives them with its default
    ``chunksize``: a row gives way to the rows of earlier chunks. `check_events` judges all rows of a frame at once, so
    that the same rows may get other seconds.

    Examples
    --------
    >>> import events_pandas as ep
    >>> from pathlib import Path
    >>> _ = Path("visits.csv").write_text("day,who\n2024-01-31,00042\n2024-02-30,00043\n")
    >>> mapping = ep.EventMapping(event_name="visited", created_at="day", user_id="who", timezone="UTC")
    >>> report = ep.check_file("visits.csv", mapping)
    >>> report.problems[["row", "code", "source_file"]]
       row             code source_file
    1    1  time_unreadable  visits.csv
    """
    _require_path(path, instead="check_events")
    return check_files(path, mapping, client=client, skips_bad=skip_bad_files)


def _require_path(path: object, *, instead: str) -> None:
    """Raise `TypeError` for a DataFrame: it would be taken for a list of paths, its column labels."""
    if isinstance(path, pd.DataFrame):
        raise TypeError(f"path: expected the name of a file, got a DataFrame: call {instead}")


@with_options
def submit_events(frame: Table, mapping: EventMapping, **options: Unpack[SubmitOptions]) -> pd.DataFrame:
    """Submit the rows of a frame as events.

    Parameters
    ----------
    frame : pandas.DataFrame or table
        The rows; it is not changed. A table, as for `check_events`, is held as a whole: give a large query or dataset
        to `iter_submit`.
    mapping : EventMapping
        Which column becomes which field.
    **options : keyword arguments
        The options of the run, as in `SubmitOptions`.

    Returns
    -------
    pandas.DataFrame
        One row for every input row, on the caller's index, or for a table on a new one: ``row`` (int64), ``status``
        (ordered categorical), ``http_status`` and ``attempts`` (Int16), ``error_code``, ``error_message``,
        ``request_id`` (strings), ``created_at`` and ``submitted_at`` (datetime64, UTC), and with ``include_identifier``
        also ``identifier`` and ``contact`` (strings). ``attrs["run"]`` has the facts of the run.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame.
    InvalidRowsError
        If rows are invalid and ``on_invalid="raise"``; nothing was sent.
    CredentialsError
        If there is no usable access token, or if it belongs to another workspace; no event was sent.
    JournalError
        If the journal cannot be used; no event was sent.
    SubmissionError
        If the run ended early; its `results` have every row.
    SubmissionInterrupted
        On Ctrl-C or the notebook's stop button, from the moment the frame is checked; its `results` have every row.
        Before that it is a plain `KeyboardInterrupt`: nothing was sent.

    Notes
    -----
    The whole frame is checked before the first request. One request takes one event; the pace follows the workspace's
    rate limit. A row's trouble is data in the results; a run's trouble is an exception.

    After the first Ctrl-C nothing more is sent, and the run waits for the requests that are under way. After a second
    one it does not wait for them. Ctrl-C reaches the main thread only: in another thread, a `progress` function that
    raises an error ends the run.

    References
    ----------
    Intercom, "Submit a data event":
    https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/createdataevent

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]}, index=["a", "b"])
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client(), progress=False)
    >>> results["status"].to_dict()
    {'a': 'accepted', 'b': 'invalid'}
    """
    run = Run(mapping=mapping, options=run_options(options), source="frame", origin=kind_of(frame))
    return run.results(as_frame(frame, mapping, keys=run.options.keys))


@with_options
def iter_submit(
    frames: Iterable[Table] | Table, mapping: EventMapping, **options: Unpack[SubmitOptions]
) -> Iterator[pd.DataFrame]:
    """Submit a stream of frames as events.

    Parameters
    ----------
    frames : iterable of pandas.DataFrame or tables, or one table
        The rows. Each frame is checked before its first request. Frames are read ahead to keep up the pace: up to
        ``chunksize`` rows or 1,000 frames whose events are sent, and at most two frames more, which wait. One table,
        such as a ``LazyFrame`` of Polars, a relation of DuckDB, a dataset or a reader, is read once, and each of its
        batches is a frame of at most ``chunksize`` rows.
    mapping : EventMapping
        Which column becomes which field. Duplicates are found across all frames.
    **options : keyword arguments
        The options of the run, as in `SubmitOptions`.

    Returns
    -------
    iterator of pandas.DataFrame
        The results of each frame, in order; as for `submit_events`, ``row`` counted over all frames.

    Raises
    ------
    TypeError
        If `frames` is one DataFrame of pandas, or is neither a table nor several of them.
    SubmissionError, SubmissionInterrupted
        If the run ended early; `results` has the rows not yet yielded.

    Notes
    -----
    Events are sent while `frames` makes the next frame, and while the caller works with results. `frames` runs in the
    caller's thread, so that it may use what belongs to that thread, such as a connection of `sqlite3`. While the caller
    has results, no frame is made: the frames that were read ahead are sent meanwhile. A progress function and the
    callables of the mapping run in that thread too, and are called when the frame is there, or the caller comes back.

    The results of a frame come as soon as it and all frames before it are complete. They have to wait while `frames`
    makes the next frame. So a source that waits for rows, such as a queue, should yield a frame without rows now and
    then. A source that needs the results of a frame to make the next one would never go on: call `submit_events` for
    each of its frames.

    An error of `frames` itself is raised unchanged, after the results of the frames before it. A frame that is being
    made or bound when Ctrl-C comes has no results: none of its rows was sent. If it is the first frame, that is a plain
    `KeyboardInterrupt`. Frames that were read ahead have results: their rows are ``not_submitted``.

    Ctrl-C reaches the main thread only. In another thread, close the iterator between two frames, in that thread, or
    raise an error in a `progress` function: the run waits for the requests under way, and sends nothing more. An
    iterator that is neither read to its end nor closed keeps a waiting thread until it is collected.

    Examples
    --------
    >>> import events_pandas as ep
    >>> mapping = ep.EventMapping(event_name="signed-up", created_at="day", email="address", timezone="UTC")
    >>> days = [pd.DataFrame({"day": [day], "address": ["ada@example.org"]}) for day in ("2024-01-31", "2024-02-01")]
    >>> with ep.Sandbox() as sandbox:
    ...     for results in ep.iter_submit(days, mapping, client=sandbox.client(), progress=False):
    ...         print(results["row"].item(), results["status"].item())
    0 accepted
    1 accepted
    """
    checked = run_options(options)
    rows = frames_of(frames, mapping, chunksize=checked.chunksize, keys=checked.keys)
    origin = "a stream of DataFrames"
    run = Run(mapping=mapping, options=checked, source="stream", origin=origin)
    return run.stream(rows)


_OWN_OF_FILES: Final = ("results_path", "rejects_path", "check_first", "skip_bad_files", "wait_seconds")


@with_options
def submit_file(
    path: PathOrPaths,
    mapping: EventMapping,
    *,
    results_path: str | os.PathLike[str] | None = None,
    rejects_path: str | os.PathLike[str] | None = None,
    check_first: bool = False,
    skip_bad_files: bool = False,
    wait_seconds: float | None = None,
    **options: Unpack[SubmitOptions],
) -> pd.DataFrame:
    r"""Submit the rows of files as events.

    Parameters
    ----------
    path : str, os.PathLike or sequence of these
        A file, a directory, a pattern such as ``"orders/**/*.parquet"``, an address such as
        ``"s3://bucket/orders/*.parquet"``, ``"-"`` for standard input, or several of these. The files are CSV, JSON
        Lines, Parquet, Arrow or Excel, also compressed (``.csv.gz``).
    mapping : EventMapping
        Which column becomes which field.
    results_path : str or os.PathLike, optional
        A ``.csv`` or ``.parquet`` file to which the results are written as they come, or a folder for Parquet parts: it
        exists, or its name ends in ``/``. If a killed run left some there, a warning says under which name they are
        kept. `read_results` reads all of these.
    rejects_path : str or os.PathLike, optional
        A ``.csv`` or ``.parquet`` file to which the rejects are written at the end, even if the run ends early: all
        columns of the files, unchanged, with the reason beside each row; see `export_rejects`. Rows that the same run
        sends when it is started again are left out, with a warning that counts them. The columns of different
        files stand side by side. Missing cells of a short CSV row are empty; cells beyond the last column are written
        into it, with their commas.
    check_first : bool, default False
        Read and check all rows of all files before the first event, so that a row far down that cannot be read ends
        the run before it begins. ``on_invalid="raise"`` does this too.
    skip_bad_files : bool, default False
        Leave out files that are missing, cannot be read or lack a column, with a warning for each. By default they are
        an error before anything is sent. ``attrs["run"]["skipped_files"]`` has them with the reason of each.
    wait_seconds : float, optional
        How long to wait, before the first event, for a run under way of the same files and mapping in the same journal;
        0 to be refused at once. By default both runs go on, with a warning. A run that was killed is not waited for.
    **options : keyword arguments
        The options of the run, as in `SubmitOptions`.

    Returns
    -------
    pandas.DataFrame
        As for `submit_events`, with two more columns: ``source_file`` (string), and ``line`` (Int64), the line of the
        file in which the row begins, from 1 and with the header counted; NA for formats without lines. The index counts
        the rows of each file.

    Raises
    ------
    SourceError
        If a file cannot be read, or results or rejects cannot be written.
    RunUnderWayError
        If a run of the same files and mapping has not ended after `wait_seconds`; nothing was sent.
    SubmissionError, SubmissionInterrupted
        If the run ended early; `results` has every row of all files that can be read. Before the first rows are
        checked, Ctrl-C is a plain `KeyboardInterrupt`: nothing was sent.

    Notes
    -----
    All files are looked at before the first event is sent. Folders such as ``year=1997`` below a directory or pattern
    are columns of text. A pipe, standard input and addresses are copied to a temporary folder first; a device is
    refused, since rows are read more than once. Writing to a file during the run ends the run; a file that another one
    replaces is read to its end.

    `EventMapping.source` says how files are written. Otherwise a CSV file shows its delimiter, its encoding and its
    decimal signs, with a note if they are unusual, and is refused if it can be read in two ways. A row that has too few
    or too many cells, or repeats the header, is ``invalid``; empty cells after the last column do not count.

    Results and rejects are written to a new file beside the old one, which they then replace in one step. A link is
    replaced itself, not the file that it names. Only people who may read all files of rows may read them. A place where
    the next run would read them is refused: a directory of rows, or one that a pattern matches.

    Cells of a CSV file are read as text, so that ``00042`` stays as it is. Only an empty cell is absent; ``NA`` is text
    like any other. All cells of a bare metadata column of CSV files decide its type. It is a number if at least
    three quarters are plain numbers (and fewer than a hundredth have leading zeros). It is a date if its key ends in
    ``_at`` or ``_date`` and as many are ISO 8601 times or epoch seconds. Otherwise it is text. The values of JSON Lines
    and Excel files have types, and most of a column's values decide. A cell that does not fit is a problem of its row.
    A journal keeps the type, and later runs use it.

    A column that only callables read has one dtype in all chunks of all files: numbers by the same rule, booleans, or
    text. In a column of numbers, a cell that is not a number is absent, with a note.

    Examples
    --------
    >>> import events_pandas as ep
    >>> from pathlib import Path
    >>> _ = Path("signups.csv").write_text("day,who\n2024-01-31,00042\n")
    >>> mapping = ep.EventMapping(event_name="signed-up", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_file("signups.csv", mapping, client=sandbox.client(), progress=False)
    ...     sandbox.events[0].contact
    '00042'
    """
    _require_path(path, instead="submit_events")
    return submit_files(
        path,
        mapping,
        options=run_options(options, own=_OWN_OF_FILES),
        results_path=results_path,
        rejects_path=rejects_path,
        check_first=check_first,
        skips_bad=skip_bad_files,
        wait_seconds=wait_seconds,
    )


def suggest_mapping(frame: Table) -> "SuggestedMapping":
    """Propose a mapping for a frame, to read and to edit.

    Parameters
    ----------
    frame : pandas.DataFrame or table
        The rows; it is not changed. At most 10,000 of them are read: the first 5,000, and as many spread over the
        rest.

    Returns
    -------
    SuggestedMapping
        A mapping that can be used at once. It prints as Python code, and `SuggestedMapping.to_toml` gives TOML; both
        have the reason of each choice as a comment, and list the columns that were left out.

    Raises
    ------
    TypeError
        If the rows are not a DataFrame.
    MappingError
        If the frame has no rows, or no column for the time of the event or for its contact: it names all that is
        missing.

    Notes
    -----
    It never invents a currency or a time zone that no column has. It does not propose personal data as metadata. A
    proposed metadata rule can read most cells of its column, and a link all of them. If texts show a decimal comma,
    ``source`` says so.

    A choice that could be wrong is a guess: an event name that no column has, the zone of times without one, the order
    of day and month if no row decides it (31.12.2024 does, 05.06.2024 does not), whether whole amounts count cents, and
    a contact or a time that the names of columns leave open. Guesses are listed in ``unconfirmed``, and nothing is
    submitted before each is replaced or taken out of that list.

    Examples
    --------
    >>> import events_pandas as ep
    >>> import pandas as pd
    >>> orders = pd.DataFrame(
    ...     {
    ...         "customer_id": ["00042", "00043", "00042"],
    ...         "ordered_at": ["2024-03-01 10:30", "2024-03-01 11:00", "2024-03-02 09:15"],
    ...         "total": [19.99, 349.0, 5.0],
    ...         "currency": ["EUR", "EUR", "USD"],
    ...         "name": ["Ada", "Ben", "Ada"],
    ...     }
    ... )
    >>> mapping = ep.suggest_mapping(orders)
    >>> mapping.metadata["total"]
    MonetaryAmount(amount='total', currency='currency', unit='major', zero='error', rounding=None, decimal=None)
    >>> print(mapping)
    # Proposed from 3 rows: read it, change what is wrong, and let check_events judge every row.
    mapping = ep.EventMapping(
        event_name="ordered",  # a guess from 'ordered_at': replace it with what happened, such as "placed-order"
        created_at="ordered_at",  # times as text, without a zone (ISO 8601)
        user_id="customer_id",  # text, 2 different; its name says that it is the contact's
        metadata={
            "total": ep.MonetaryAmount("total", currency="currency"),  # an amount with its currency
        },
        # timezone: no zone is known for 'ordered_at': UTC, unless you set timezone="Europe/Berlin" or the like
        unconfirmed=("event_name", "timezone"),  # guesses: delete each that you have read, or nothing can be submitted
    )
    <BLANKLINE>
    # Left out:
    #   'name': its name suggests personal data, which belongs to the contact, not to each event
    """
    from events_pandas.suggest import propose  # noqa: PLC0415  # A proposal is made once, if at all.

    return propose(read_table(frame))


def export_rejects(
    results: pd.DataFrame,
    frame: Table,
    path: str | os.PathLike[str],
    *,
    mapping: EventMapping | None = None,
) -> pd.DataFrame:
    r"""Write the rows that Intercom does not have to a file, to be fixed and submitted.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned, or some of its rows; a file of results that was read back will do.
    frame : pandas.DataFrame or table
        All rows that were submitted: those of the run, or of the one frame of a stream that the results belong to. It
        is not changed.
    path : str or os.PathLike
        A ``.csv`` or ``.parquet`` file; an existing file is replaced, even if there are no rejects.
    mapping : EventMapping, optional
        With it you are warned if a row would be submitted otherwise from the file.

    Returns
    -------
    pandas.DataFrame
        The rejects, on the index and with the dtypes of the frame: rows that are ``invalid``, ``unknown_contact``,
        ``rejected``, ``failed`` or ``not_submitted``, in the order of the frame, and after its columns ``row``,
        ``status``, ``error_code`` and ``error_message``. If the frame has one of these, ours are ``reject_row`` and so
        on; those of an earlier export are replaced. Rows whose turn did not come in a run with a journal are left out,
        with a warning that counts them: the same run sends them when it is started again.

    Raises
    ------
    SourceError
        If the file cannot be written.
    TypeError
        If results or frame are not a DataFrame, or the mapping is not an `EventMapping`.
    ValueError
        If results and frame do not belong together: the frame has other rows or their order is another, as far as
        labels or, with a mapping, times show it.

    Notes
    -----
    Results and frame are matched by ``row``, the position in the input, whatever their indexes are.

    The named levels of the index are written as columns; an index without a name is not written. In CSV text stays as
    it is (``00042``), whole numbers have no fraction, times are in ISO 8601 (in UTC if they have a zone), and absent
    values are empty. CSV has no types: `submit_file` reads the file as text, and takes the types from the mapping. So
    state them there: a bare column of texts such as ``"38"`` holds numbers in a CSV file, and epoch numbers that are
    not seconds need ``Date(unit=...)``. Parquet keeps the dtypes.

    Read a CSV file with ``pandas.read_csv(path, dtype=str, keep_default_na=False)``, and import its columns as text in
    Excel: otherwise ``00042`` becomes 42.

    Labels are text in a file: a mapping that reads the column ``0`` has to read ``"0"`` there.

    Examples
    --------
    >>> import events_pandas as ep
    >>> from pathlib import Path
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]}, index=["a", "b"])
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client(), progress=False)
    ...     rejects = ep.export_rejects(results, orders, "rejects.csv")
    ...     text = Path("rejects.csv").read_text()
    ...     _ = Path("rejects.csv").write_text(text.replace("2024-02-30", "2024-02-29"))
    ...     ep.submit_file("rejects.csv", mapping, client=sandbox.client(), progress=False)["status"].tolist()
    ['accepted']
    >>> rejects[["day", "who", "row", "status", "error_code"]]
              day    who  row   status       error_code
    b  2024-02-30  00043    1  invalid  time_unreadable
    """
    submitted = read_table(frame)
    reasons, positions = find_rejects(results, submitted, mapping)
    n_left_out = int(is_left_to_next_run(results).sum())
    payloads = None if mapping is None else payloads_of(submitted, mapping, positions[:COMPARED_ROWS])
    rejects = rejected_rows(submitted, reasons, positions, mapping=mapping)
    kind = REJECTS if mapping is None else rejects_kind(mapping.source)
    with TableFile(path, kind) as writer:
        written = with_index_levels(rejects)
        if mapping is not None and writer.is_csv:
            written = with_known_signs(written, number_signs(mapping))
        writer.write(written)
        writer.finish()
    if n_left_out:
        warn_caller(left_out(writer.path, n_left_out))
    if mapping is not None and payloads is not None:
        rows = reasons["row"].head(COMPARED_ROWS).tolist()
        for other in other_readings(writer.path, mapping, payloads=payloads, rows=rows):
            warn_caller(other)
    return rejects


def check_contacts(
    frame: Table,
    mapping: EventMapping,
    *,
    client: IntercomClient | None = None,
    known: pd.DataFrame | None = None,
    rate_share: float = 1.0,
    progress: ProgressChoice = "auto",
) -> pd.DataFrame:
    """Ask which contacts of a frame exist in Intercom, before an event is sent.

    Parameters
    ----------
    frame : pandas.DataFrame or table
        The rows; it is not changed.
    mapping : EventMapping
        Which column names the contact.
    client : IntercomClient, optional
        The connection; without it one is made from the environment's ``INTERCOM_ACCESS_TOKEN``.
    known : pandas.DataFrame, optional
        What an earlier call returned, or the `results` of the exception that ended it, also several of them in one, or
        from a file (read with ``dtype=str, keep_default_na=False``): contacts that have a status there are not asked
        for again.
    rate_share : float, default 1.0
        The share of the rate limit to use, up to 1.
    progress : {"auto"}, bool or callable, default "auto"
        Whether progress is shown, as in `SubmitOptions`; it counts requests.

    Returns
    -------
    pandas.DataFrame
        One row for each contact: ``identifier``, ``contact``, ``rows``, ``first_event`` and ``last_event`` as in
        `unknown_contacts`; ``status`` (ordered categorical): ``"known"``, ``"unknown"``, ``"ambiguous"`` (several users
        share the address) or ``"merged"``; and ``merged_into`` (string), Intercom's id of the contact that took the
        place of a merged one. Contacts with most rows come first. ``attrs["run"]`` has the facts: ``workspace``,
        ``requests`` and ``notes``.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame.
    CredentialsError
        If there is no usable access token.
    SubmissionError
        If Intercom refused the token or did not answer; its `results` have the answers so far, and a missing status for
        all other contacts.
    SubmissionInterrupted
        On Ctrl-C or the notebook's stop button, with such `results` too.

    Notes
    -----
    A search asks for 50 contacts at a time. Contacts that it does not find are asked for one by one, since the search
    shows neither merged contacts nor those of the last minutes. An email address can only be searched for: if it was
    created in the last minutes, or its contact was merged, its status may be ``"unknown"``. A lead is known by its
    ``id`` only, as for events.

    References
    ----------
    Intercom, "Search contacts" and "Get a contact":
    https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts/searchcontacts

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00999"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox(contacts=["00042"]) as sandbox:
    ...     contacts = ep.check_contacts(orders, mapping, client=sandbox.client())
    >>> contacts[["contact", "rows", "status"]]
      contact  rows   status
    0   00042     1    known
    1   00999     1  unknown
    """
    options = run_options({"client": client, "rate_share": rate_share, "progress": progress})
    return check_frame_contacts(read_table(frame, mapping), mapping, known=known, options=options)


def create_contacts(
    contacts: pd.DataFrame,
    *,
    client: IntercomClient | None = None,
    role: Literal["user", "lead"] = "user",
    fields: Mapping[str, Hashable] | None = None,
    rate_share: float = 1.0,
    progress: ProgressChoice = "auto",
) -> pd.DataFrame:
    """Create the contacts that the caller has chosen. Submitting events never creates a contact.

    Parameters
    ----------
    contacts : pandas.DataFrame
        One row for each contact, with ``identifier`` (``"user_id"`` or ``"email"``) and ``contact``: rows of
        `check_contacts` or `unknown_contacts`. Both are text. The frame is not changed. Rows whose ``status`` says
        ``"created"`` or ``"exists"`` are not sent again, and those of contacts that `check_contacts` has found are
        refused.
    client : IntercomClient, optional
        The connection; without it one is made from the environment's ``INTERCOM_ACCESS_TOKEN``.
    role : {"user", "lead"}, default "user"
        The role of the contacts. Events find a lead by its ``id`` only.
    fields : mapping of str to hashable, optional
        Columns with further fields of a contact, such as ``{"name": "full_name", "custom_attributes.plan": "plan"}``;
        without it a contact has its identifier only. Columns are read as those of events: an attribute as a bare
        column, other fields as text or times (UTC if they have no zone). Missing cells are left out.
    rate_share : float, default 1.0
        The share of the rate limit to use, up to 1.
    progress : {"auto"}, bool or callable, default "auto"
        Whether progress is shown, as in `SubmitOptions`.

    Returns
    -------
    pandas.DataFrame
        One row for each contact, on the caller's index: ``identifier``, ``contact``, the columns that `fields` names,
        ``status`` (ordered categorical): ``"created"``, ``"exists"`` (Intercom had it already) or ``"rejected"``;
        ``id`` (string), Intercom's id; ``error_code``, ``error_message`` and ``request_id`` (strings) of a rejected
        one. In the `results` of an exception the status may be missing.

    Raises
    ------
    CredentialsError
        If there is no usable access token.
    SubmissionError
        If Intercom refused the token or did not answer. Its `results` have the contacts so far, and can be given again.
    SubmissionInterrupted
        On Ctrl-C or the notebook's stop button, with such `results` too.
    MappingError
        If `contacts` lack a column that `fields` names (`UnknownColumnError`), or have several.
    TypeError, ValueError
        If contacts, role or fields cannot be used, or a cell cannot be sent; nothing was sent.

    Notes
    -----
    One request creates one contact. If an answer is lost, the request is made again, and a contact that was created by
    the first one has the status ``"exists"``. Leads may share an email address: one that is named by it is sent once,
    and then has no status and the error code ``"may_exist"``.

    References
    ----------
    Intercom, "Create contact":
    https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts/createcontact

    Examples
    --------
    >>> import events_pandas as ep
    >>> unknown = pd.DataFrame({"identifier": "user_id", "contact": ["00042", "00999"]})
    >>> with ep.Sandbox(contacts=["00042"]) as sandbox:
    ...     ep.create_contacts(unknown, client=sandbox.client())[["contact", "status"]]
      contact   status
    0   00042   exists
    1   00999  created
    """
    options = run_options({"client": client, "rate_share": rate_share, "progress": progress})
    return create_frame_contacts(contacts, role=role, fields=fields, options=options)


def verify(
    results: pd.DataFrame,
    frame: Table,
    mapping: EventMapping,
    *,
    client: IntercomClient | None = None,
    sample: int = 200,
    seed: int = 0,
    settle_seconds: float = SETTLE_SECONDS,
    include_identifier: bool = False,
    workspace: str | None = None,
    rate_share: float = 1.0,
    progress: ProgressChoice = "auto",
) -> Verification:
    """Read back a sample of the accepted events, and say what that proves.

    Parameters
    ----------
    results : pandas.DataFrame
        What submitting returned in one run, or some of its rows; a file of results that was read back will do.
    frame : pandas.DataFrame or table
        All rows that were submitted: those of the run, or of the one frame of a stream that the results belong to. It
        is not changed.
    mapping : EventMapping
        The mapping with which they were submitted.
    client : IntercomClient, optional
        The connection; without it one is made from the environment's ``INTERCOM_ACCESS_TOKEN``.
    sample : int, default 200
        How many of the accepted events are drawn. One request is made for each of their contacts.
    seed : int, default 0
        Another number draws other events.
    settle_seconds : float, default 900.0
        How long after it was submitted an event may not be visible yet. In a sandbox events are visible at once: 0.
    include_identifier : bool, default False
        Whether `Verification.groups` name the contacts, which is personal data, and are on the labels of the results.
    workspace : str, optional
        The ``id_code`` of the intended workspace. Results of this session name their workspace themselves.
    rate_share : float, default 1.0
        The share of the rate limit to use, up to 1.
    progress : {"auto"}, bool or callable, default "auto"
        Whether progress is shown, as in `SubmitOptions`; it counts requests.

    Returns
    -------
    Verification
        What was drawn, what matches, what differs, and a bound for the share that may be missing: as text, in a
        notebook as HTML, and as data.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame.
    CredentialsError
        If there is no usable access token, or if it belongs to another workspace than the results.
    SubmissionError
        If Intercom refused the token or did not answer; its `results` are the groups so far, as in
        `Verification.groups`, and those without an answer are ``unanswered``.
    SubmissionInterrupted
        On Ctrl-C or the notebook's stop button, with such `results` too.
    TypeError, ValueError
        If results and frame do not belong together, if the results are of several runs or have a cell that cannot be
        read, or if an option cannot be used.

    Notes
    -----
    Events are drawn from the rows that are ``accepted`` or ``already_submitted``, each event once. For each contact
    drawn, all of its accepted events are compared with Intercom's summary: how many there are of each event name, the
    first and the last. Results and frame are matched by ``row``, as in `unknown_contacts`.

    The bound is exact (hypergeometric), at 95 % confidence. An event may be missing if the events of its contact and
    name differ, or are not all visible yet. Events that prove nothing are left out, and the bound does not speak of
    events like them.

    References
    ----------
    Intercom, "List all data events":
    https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/lisdataevents

    Examples
    --------
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-01"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client())
    ...     ep.verify(results, orders, mapping, client=sandbox.client())
    2 of 2 accepted events drawn at random, of 2 contacts
      2 matching         Intercom has as many, with the same first and last time
    none of the 2 events compared is missing, as far as counts show
    workspace: 'Sandbox', id sandbox_..., region US
    """
    return verify_frame(
        results,
        read_table(frame, mapping),
        mapping,
        verify=VerifyOptions(
            sample=sample, seed=seed, settle_seconds=settle_seconds, include_identifier=include_identifier
        ),
        options=run_options({"client": client, "workspace": workspace, "rate_share": rate_share, "progress": progress}),
    )
