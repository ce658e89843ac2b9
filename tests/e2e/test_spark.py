"""Spark: the same answer as one machine, one stage however often it is begun, and nothing that is sent by looking."""

import dataclasses
import datetime as dt
import os
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import events_pandas as ep
from events_pandas.deliver import MAX_CONCURRENCY
from events_pandas.engines.spark import check_events, stage_events, submit_events

pytestmark = [
    pytest.mark.engines,
    pytest.mark.spark,
    # PySpark 4.0 leaves its connections to the JVM to Python, which closes them.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

OPTIONS = {"keys": ["purchase"], "journal": None, "progress": False}
VERDICT = ["status", "error_code", "error_message"]
MAPPING = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
SETTINGS = {
    "spark.driver.memory": "1g",
    "spark.log.level": "OFF",
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.shuffle.partitions": "4",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
SCHEMA = "who string, day string, n long"


@pytest.fixture(scope="module")
def spark():
    """A session with two workers that are started again, and a driver with 1 GB; what this file defines is sent."""
    # Where PySpark is missing, this file is read, too.
    from pyspark import cloudpickle  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in VARIABLES.items():
            environment.setenv(name, value)
        # The collector of garbage that users have: a test below shows what passes 1 GB.
        environment.setenv("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1")
        builder = SparkSession.builder.master("local[2,4]").config(map=SETTINGS)
        with builder.getOrCreate() as session:
            yield session
    cloudpickle.unregister_pickle_by_value(module)


CONCURRENCY = 16
# At a kill, so many events may be at the server without a record: requests in flight, and answers not yet on disk.
MOST_IN_FLIGHT = CONCURRENCY + MAX_CONCURRENCY
VARIABLES = {
    "PYSPARK_PYTHON": sys.executable,
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_SUBMIT_OPTS": os.environ["SPARK_SUBMIT_OPTS"],
}


@pytest.fixture(scope="module")
def purchases(samples):
    """The real purchases, each with a key."""
    return pd.read_csv(samples / "purchases.csv", dtype=str).assign(purchase=range(3_316))


@pytest.fixture
def people(spark):
    """Return a function that makes rows in partitions, with the contacts 00000, 00001 and so on."""

    def people(n_rows=60, npartitions=12):
        columns = ["lpad(id, 5, '0') AS who", "'2024-01-31' AS day", "id AS n"]
        return spark.range(0, n_rows, 1, npartitions).selectExpr(*columns)

    return people


def as_spark(spark, frame):
    return spark.createDataFrame(pa.Table.from_pandas(frame, preserve_index=False))


def partition():
    """Return the number of the partition that this worker has."""
    from pyspark import TaskContext  # noqa: PLC0415

    return TaskContext.get().partitionId()


def noting(log):
    """Return a function that passes rows on, and notes each partition that is computed."""

    def note(batches):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{partition()}\n")
        yield from batches

    return note


def times_read(log):
    return sorted(map(int, log.read_text().split()))


def staged(folder):
    """Return the rows of a stage in the order in which they are submitted."""
    return pa.concat_tables(map(pq.read_table, sorted(folder.glob("part-*"))))


def verdicts(results):
    """Return what became of each row, by its key."""
    cells = results[VERDICT].astype(object)
    return dict(
        zip(results["purchase"], cells.where(cells.notna(), None).itertuples(index=False, name=None), strict=True)
    )


def with_spread(samples, folder):
    text = (samples / "purchases.toml").read_text().replace("timezone", 'duplicates = "spread"\ntimezone')
    (folder / "spread.toml").write_text(text)
    return ep.EventMapping.from_toml(folder / "spread.toml")


@pytest.fixture(scope="module")
def alone(fake_client, samples, purchases):
    """What became of the purchases on one machine."""
    mapping = ep.EventMapping.from_toml(samples / "purchases.toml")
    return ep.submit_events(purchases, mapping, client=fake_client(), **OPTIONS)


def sorted_rows(frame, npartitions, _):
    return frame.repartitionByRange(npartitions, "purchase")


def shuffled_rows(frame, npartitions, _):
    return frame.repartition(npartitions)


def files_of_rows(frame, npartitions, folder):
    frame.repartition(npartitions).write.parquet(str(folder / "lake"))
    assert len(list(folder.glob("lake/part-*"))) == npartitions
    return frame.sparkSession.read.parquet(str(folder / "lake"))


@pytest.mark.parametrize("spread_over", [sorted_rows, shuffled_rows, files_of_rows])
@pytest.mark.parametrize(
    "npartitions", [pytest.param(1, marks=pytest.mark.slow), 7, pytest.param(40, marks=pytest.mark.slow)]
)
def test_purchases_have_the_answer_of_one_machine(
    spark, fake_client, samples, purchases, alone, tmp_path, npartitions, spread_over
):
    """Status, code and message are those of one process, row for row by the key of the caller."""
    mapping = ep.EventMapping.from_toml(samples / "purchases.toml")
    frame = spread_over(as_spark(spark, purchases), npartitions, tmp_path)

    results = submit_events(
        frame,
        mapping,
        stage=tmp_path / "stage",
        results=tmp_path / "results",
        order_by=["purchase"],
        client=fake_client(),
        **OPTIONS,
    )

    assert verdicts(results.toArrow().to_pandas()) == verdicts(alone)
    assert alone["status"].value_counts()[["accepted", "duplicate", "invalid"]].tolist() == [3_168, 144, 4]


def test_purchases_that_are_spread_have_the_statuses_of_one_machine(
    spark, fake_client, samples, purchases, alone, tmp_path
):
    """Every valid row is accepted; only the seconds of rows that are alike depend on the chunks."""
    mapping = with_spread(samples, tmp_path)

    results = submit_events(
        shuffled_rows(as_spark(spark, purchases), 12, tmp_path),
        mapping,
        stage=tmp_path / "stage",
        results=tmp_path / "results",
        order_by=["purchase"],
        client=fake_client(),
        **OPTIONS,
    )

    statuses = results.toArrow().to_pandas().set_index("purchase")["status"].to_dict()
    invalid = set(alone.loc[alone["status"] == "invalid", "purchase"])
    assert statuses == {key: "invalid" if key in invalid else "accepted" for key in range(3_316)}


@pytest.mark.parametrize("npartitions", [1, 12])
def test_check_reports_what_one_machine_reports(spark, samples, purchases, npartitions):
    """The report has the same text, problems and first events."""
    mapping = ep.EventMapping.from_toml(samples / "purchases.toml")
    alone = ep.check_events(purchases, mapping)

    report = check_events(sorted_rows(as_spark(spark, purchases), npartitions, None), mapping)

    assert str(report) == str(alone)
    assert report.payloads(100) == alone.payloads(100)
    pd.testing.assert_frame_equal(report.problems, alone.problems, check_dtype=False)


def test_results_are_not_sent_by_looking(people, sandbox, client, tmp_path, capsys):
    """The frame that comes back reads the written results: computing it in any way sends no event."""
    folders = {"stage": tmp_path / "stage", "results": tmp_path / "results {1}*[2]"}
    results = submit_events(
        people(), MAPPING, **folders, order_by=["n"], client=client, progress=False, keys=["n"], journal=None
    )
    before = (sandbox.requests, len(sandbox.events))

    results.show()
    kept = results.persist()
    counts = [results.count(), kept.count(), kept.unpersist().count(), results.join(results, "n").count()]
    rows = results.orderBy("row").collect()

    assert before[1] == 60
    assert (sandbox.requests, len(sandbox.events)) == before
    assert counts == [60] * 4
    assert [(row.row, row.n, row.status) for row in rows] == [(number, number, "accepted") for number in range(60)]
    assert results.selectExpr(
        "date_format(to_utc_timestamp(created_at, current_timezone()), 'yyyy-MM-dd HH:mm') AS at"
    ).distinct().collect() == [("2024-01-31 00:00",)]
    assert "accepted" in capsys.readouterr().out


def test_each_partition_is_read_once(people, tmp_path):
    """Also below a shuffle, whose sources all of its partitions need; the rows are whole, and in order."""
    for name, partitioned in [("plain", lambda frame: frame), ("shuffled", lambda frame: frame.repartition(7, "who"))]:
        log = tmp_path / f"{name}.txt"
        frame = partitioned(people().mapInArrow(noting(log), SCHEMA))

        stage = stage_events(frame, MAPPING, tmp_path / name, keys=["n"], order_by=["n"])
        read_by_stage = times_read(log)
        report = check_events(frame, MAPPING)

        assert read_by_stage == list(range(12))
        assert times_read(log) == sorted([*range(12)] * 2)
        assert (report.valid, ep.check_file(stage, MAPPING).valid) == (60, 60)
        assert staged(stage)["n"].to_pylist() == list(range(60))


@pytest.mark.slow
def test_partition_of_millions_of_rows_needs_little_of_the_driver(people, tmp_path):
    """One partition of 1.5 million rows passes a driver of 1 GB, in pieces, also if its rows are wide."""
    texts = {f"text_{number}": f"md5(concat(n, {number}))" for number in range(3)}
    frame = people(1_500_000, 1).selectExpr("*", *(f"{text} AS {name}" for name, text in texts.items()))
    mapping = dataclasses.replace(MAPPING, metadata=dict(zip(texts, texts, strict=True)))

    stage = stage_events(frame, mapping, tmp_path / "stage", order_by=["n"])
    reports = [check_events(frame, mapping) for _ in range(2)]

    assert sum(pq.read_metadata(path).num_rows for path in stage.glob("part-*")) == 1_500_000
    assert [report.rows for report in reports] == [1_500_000] * 2


@pytest.mark.parametrize("npartitions", [2, 9])
def test_order_does_not_depend_on_the_partitions(spark, tmp_path, npartitions):
    """Rows that are alike in the columns of the order follow the other columns; absent cells come last."""
    rows = [(None, "2024-01-31", "z"), (2, "2024-02-01", "x"), (1, "2024-01-31", "y"), (1, None, "a"), (1, "2024", "y")]
    frame = spark.createDataFrame(rows, "n long, day string, who string").repartition(npartitions)

    stage = stage_events(frame, MAPPING, tmp_path / "stage", keys=["n"], order_by=["n"])

    assert [tuple(row.values()) for row in staged(stage).to_pylist()] == [rows[4], rows[2], rows[3], rows[1], rows[0]]


def test_rows_without_an_order_are_said_to_be_chosen_by_chance(people, tmp_path):
    """Without `order_by` a warning says what nobody decided; all rows are there."""
    with pytest.warns(UserWarning, match="order_by") as warned:
        stage = stage_events(people(), MAPPING, tmp_path / "stage")

    said = (
        "order_by: the rows of a Spark DataFrame have no order, and chance decides which of several rows that are one "
        "event comes first: name columns, such as order_by=['ordered_at']"
    )
    assert [str(warning.message) for warning in warned if warning.category is UserWarning] == [said]
    assert staged(stage).num_rows == 60


def test_frame_without_rows_has_a_stage(spark, people, tmp_path):
    """It has the columns, and no event."""
    for name, frame in [("none", spark.createDataFrame([], SCHEMA)), ("filtered", people().where("n > 99"))]:
        stage = stage_events(frame, MAPPING, tmp_path / name, order_by=["day"])

        assert (staged(stage).num_rows, staged(stage).column_names) == (0, ["who", "day"])
        assert ep.check_file(stage, MAPPING).rows == check_events(frame, MAPPING).rows == 0


COLUMNS = {
    "timestamp": ("timestamp'2024-01-31 10:00:00'", dt.datetime(2024, 1, 31, 15, tzinfo=dt.UTC)),
    "timestamp_ntz": ("timestamp_ntz'2024-01-31 10:00:00'", dt.datetime.fromisoformat("2024-01-31T10:00")),
    "date": ("date'2024-01-31'", dt.date(2024, 1, 31)),
    "decimal": ("cast(200.25 AS decimal(38,2))", Decimal("200.25")),
    "long": ("cast(1152921504606846977 AS bigint)", 2**60 + 1),
    "boolean": ("true", True),
    "string": ("'00042'", "00042"),
    "binary": ("X'00FF'", b"\x00\xff"),
    "interval": ("interval '1 02:03:04' day to second", dt.timedelta(days=1, hours=2, minutes=3, seconds=4)),
    "struct": (
        "named_struct('a', 1, 'at', timestamp'2024-01-31 10:00:00')",
        {"a": 1, "at": dt.datetime(2024, 1, 31, 15, tzinfo=dt.UTC)},
    ),
    "array": ("array(1, 2)", [1, 2]),
    "map": ("map('a', 1)", [("a", 1)]),
    "void": ("null", None),
}


def test_cells_stay_what_they_are(people, tmp_path):
    """Whole numbers with gaps stay exact, times are points in time, and partitions without any cell are like others."""
    cells = [f"CASE WHEN n = 7 THEN {value} END AS `{name}`" for name, (value, _) in COLUMNS.items()]
    frame = people(12).selectExpr("who", "day", "n", *cells)

    stage = stage_events(frame, MAPPING, tmp_path / "stage", keys=list(COLUMNS), order_by=["n"])

    rows = staged(stage)
    assert {name: rows[name].to_pylist()[7] for name in COLUMNS} == {name: cell for name, (_, cell) in COLUMNS.items()}
    assert {name: rows[name].null_count for name in COLUMNS} == dict.fromkeys(COLUMNS, 11) | {"void": 12}


def test_metadata_of_each_type_is_that_of_a_table(people):
    """Each type is sent as from a pandas frame, or refused with the same words."""
    frame = people(2, 1).selectExpr(
        "who", "day", "n", *(f"{value} AS `{name}`" for name, (value, _) in COLUMNS.items())
    )
    table = frame.toArrow()
    for name in COLUMNS:
        key = "value_at" if name.startswith(("date", "time")) else "value"
        mapping = ep.EventMapping(event_name="e", created_at="day", user_id="who", timezone="UTC", metadata={key: name})

        report, alone = check_events(frame, mapping), ep.check_events(table, mapping)

        # A message names the type, as Spark and as Parquet have it.
        expected, said = str(alone).replace(" not null", ""), str(report).replace(" ('map')", "")
        assert (said, report.payloads(2)) == (expected, alone.payloads(2)), name


@pytest.mark.parametrize(
    ("value", "lacking"),
    [("interval '1-2' year to month", "Arrow has no interval year to month"), ("struct()", "Parquet has no struct<>")],
)
def test_types_that_a_stage_lacks_are_refused(people, tmp_path, value, lacking):
    """The message names the column, its type and the cure, and what cannot be done."""
    frame = people().selectExpr("who", "day", f"{value} AS age")

    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, MAPPING, tmp_path / "stage", keys=["age"], order_by=["who"])
    with pytest.raises(ep.SourceError) as checked:
        check_events(frame, dataclasses.replace(MAPPING, metadata={"age": "age"}))

    cure = "cast it, such as with frame.withColumn('age', frame['age'].cast('string'))"
    assert str(raised.value) == f"column 'age': cannot be staged: {lacking}: {cure}"
    assert str(checked.value) == f"column 'age': cannot be checked: {lacking}: {cure}"


@pytest.mark.parametrize(
    ("value", "kind"),
    [("map('a', n)", "map<string, int64>"), ("named_struct('a', n)", "struct<a: int64>"), ("null", "null")],
)
def test_order_by_refuses_a_column_without_order(people, tmp_path, value, kind):
    """Its type is known before any partition is read."""
    log = tmp_path / "read.txt"
    frame = people().mapInArrow(noting(log), SCHEMA).selectExpr("*", f"{value} AS place")

    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, MAPPING, tmp_path / "stage", order_by=["place"])

    assert str(raised.value) == f"order_by: column 'place' is {kind}, which has no order: give another column"
    assert not log.exists()
    assert not (tmp_path / "stage").exists()


def flat(frame, folder):
    frame.write.parquet(folder)


def partitioned(frame, folder):
    frame.write.partitionBy("n").parquet(folder)


@pytest.mark.parametrize("write", [flat, partitioned])
def test_folders_among_the_files_that_are_read_are_refused(spark, people, tmp_path, write, fake_client):
    """The next run may take the parts of the stage, or of the results, for rows."""
    lake, places = tmp_path / "the lake", {"stage": tmp_path / "stage", "results": tmp_path / "results"}
    write(people(6, 2), str(lake))
    frame = spark.read.parquet(str(lake))

    with pytest.raises(ep.SourceError) as stage:
        stage_events(frame, MAPPING, lake / "stage", order_by=["n"])
    with pytest.raises(ep.SourceError) as results:
        submit_events(
            frame, MAPPING, **places | {"results": lake / "deep" / "results"}, order_by=["n"], client=fake_client()
        )

    fault = f"the next run may read it, since the frame reads the files in '{lake}': choose another folder"
    assert (str(stage.value), str(results.value)) == (f"{lake / 'stage'}: {fault}", f"{lake / 'deep/results'}: {fault}")
    with pytest.raises(ep.SourceError, match="embedded null byte"):
        stage_events(frame, MAPPING, "\0", order_by=["n"])
    assert not (tmp_path / "stage").exists()


def test_folder_beside_files_that_are_named_is_taken(spark, people, tmp_path):
    """A frame of one file among others does not read the folder."""
    people(6, 2).write.csv(str(tmp_path / "lake"), header=True)
    first, _ = sorted(tmp_path.glob("lake/*.csv"))
    frame = spark.read.csv(str(first), header=True)

    stage = stage_events(frame, MAPPING, tmp_path / "lake" / "stage", order_by=["n"])

    assert staged(stage).num_rows == 3


def test_columns_whose_names_differ_in_case_are_two(spark, tmp_path):
    """Spark calls such a name ambiguous; the mapping names one of them."""
    frame = spark.createDataFrame([("00042", "2024-01-31", "00043")], ["who", "day", "WHO"])

    stage = stage_events(frame, MAPPING, tmp_path / "stage", keys=["WHO"], order_by=["WHO"])

    assert staged(stage).to_pylist() == [{"who": "00042", "day": "2024-01-31", "WHO": "00043"}]
    assert check_events(frame, MAPPING).payloads(1)[0]["user_id"] == "00042"


def test_stream_is_refused(spark):
    """A check of it would never end."""
    frame = spark.readStream.format("rate").load().selectExpr("string(value) AS who", "timestamp AS day")

    with pytest.raises(ep.SourceError) as raised:
        check_events(frame, MAPPING)

    cure = "read the table with spark.read, or call this function of each batch in writeStream.foreachBatch"
    assert str(raised.value) == f"the frame is a stream, which has no end: {cure}"


def bad_function(batches):
    for _ in batches:
        raise ValueError("no such shop\nin any town")
    yield from ()


def of_bad_function(frame, _):
    return frame.mapInArrow(bad_function, SCHEMA), "ValueError: no such shop"


def of_division(frame, _):
    return frame.selectExpr("string(1 / (n - 5)) AS who", "day"), (
        "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead. If "
        'necessary set "spark.sql.ansi.enabled" to "false" to bypass this error'
    )


def of_gone_file(frame, folder):
    frame.write.parquet(str(folder))
    read = frame.sparkSession.read.parquet(str(folder))
    (gone,) = folder.glob("part-*")
    gone.unlink()
    said = "File does not exist. It is possible the underlying files have been updated"
    return read, f"[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file {gone.as_uri()}. {said}"


@pytest.mark.parametrize("made", [of_bad_function, of_division, of_gone_file])
def test_error_of_spark_is_one_sentence(people, tmp_path, made):
    """It is Spark's own, in a check and in a stage; of the stage nothing is left."""
    frame, sentence = made(people(6, 1), tmp_path / "lake")

    with pytest.raises(ep.SourceError) as checked:
        check_events(frame, MAPPING)
    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, MAPPING, tmp_path / "stage", order_by=["who"])

    said = f"Spark cannot compute the rows ({sentence}): correct the frame, and start it again"
    assert (str(checked.value), str(raised.value)) == (said, said)
    assert not (tmp_path / "stage").exists()


def test_columns_of_any_name_are_staged(spark, tmp_path):
    """Dots, blanks and backticks are parts of a name."""
    mapping = ep.EventMapping(event_name="e", created_at="a` day", user_id="x.who", timezone="UTC")
    frame = spark.createDataFrame([("2024-01-31", "00042")], "`a`` day` string, `x.who` string")

    stage = stage_events(frame, mapping, tmp_path / "stage", order_by=["x.who"])

    assert staged(stage).to_pylist() == [{"a` day": "2024-01-31", "x.who": "00042"}]


@pytest.mark.parametrize("computed", [lambda frame: frame["n"] + 1, getattr(pd, "col", lambda _: print)("n")])
def test_callables_are_refused(people, computed):
    """A stage has the columns that the mapping names, and a callable names none."""
    mapping = ep.EventMapping(event_name="e", created_at="day", user_id="who", metadata={"next": computed})

    with pytest.raises(ep.MappingError) as raised:
        check_events(people(), mapping)

    assert str(raised.value) == (
        "metadata.next: is a callable or an expression, and nobody knows which columns it reads: compute the column in "
        "the frame, with assign, and name it in the mapping"
    )


def test_columns_that_are_missing_are_named(people):
    """Spark itself would not tell an upper case from a lower case."""
    with pytest.raises(ep.UnknownColumnError) as raised:
        check_events(people().withColumnRenamed("who", "WHO"), MAPPING)

    assert str(raised.value) == "user_id: no column 'who'; there are 'WHO', 'day', 'n'"


def test_frame_that_is_not_of_spark_is_refused():
    """A pandas frame has functions of its own."""
    with pytest.raises(TypeError) as raised:
        check_events(pd.DataFrame(), MAPPING)

    said = "expected rows in a Spark DataFrame, got a pandas DataFrame: call the function of this name in events_pandas"
    assert str(raised.value) == said


def test_functions_for_tables_name_those_for_spark(people):
    """PySpark's own way to Arrow would hold all rows, and fail for timestamps."""
    with pytest.raises(TypeError) as raised:
        ep.check_events(people(), MAPPING)

    assert str(raised.value) == (
        "expected rows in a pandas DataFrame, or in a table of Polars, DuckDB or pyarrow, got a "
        "pyspark.sql.classic.dataframe.DataFrame: events_pandas.engines.spark has functions for it"
    )


def test_complete_stage_is_never_taken_for_that_of_the_frame(spark, people, tmp_path):
    """Spark has the same name for a query before and after files were added, so that nobody can tell."""
    people(6, 1).write.parquet(str(tmp_path / "lake"))
    before = spark.read.parquet(str(tmp_path / "lake"))
    stage = stage_events(before, MAPPING, tmp_path / "stage", keys=["n"], order_by=["n"])
    people(3, 1).write.mode("append").parquet(str(tmp_path / "lake"))
    now = spark.read.parquet(str(tmp_path / "lake"))

    with pytest.raises(ep.SourceError) as raised:
        stage_events(now, MAPPING, stage, keys=["n"], order_by=["n"])
    with pytest.raises(ep.SourceError) as otherwise:
        stage_events(now, MAPPING, stage, order_by=["n"])

    cure = "give another folder, or overwrite=True to write it again; submit_file submits it as it is"
    assert before.semanticHash() == now.semanticHash()
    assert str(raised.value) == f"{stage}: is a stage already, and may have other rows: {cure}"
    assert str(otherwise.value) == f"{stage}: is a stage already, and differs from what is asked for (columns): {cure}"
    stage_events(now, MAPPING, stage, keys=["n"], order_by=["n"], overwrite=True)
    assert staged(stage).num_rows == 9


def die_once(mark):
    """Return a function that kills its worker in the middle of a partition, the first time."""

    def die(batches):
        for batch in batches:
            yield batch
            if partition() == 6 and not Path(mark).exists():
                Path(mark).touch()
                os.kill(os.getpid(), signal.SIGKILL)

    return die


@pytest.mark.slow
def test_stage_is_whole_when_a_worker_is_killed(people, tmp_path):
    """Its partition is computed again by another worker, and no row is there twice."""
    mark = tmp_path / "killed"

    stage = stage_events(
        people().mapInArrow(die_once(str(mark)), SCHEMA), MAPPING, tmp_path / "stage", keys=["n"], order_by=["n"]
    )

    assert mark.exists()
    assert staged(stage)["n"].to_pylist() == list(range(60))
    assert {path.name[:5] for path in stage.iterdir()} == {"_mani", "part-"}


def hiding(stage):
    """Return a function that lets the folder of a stage be gone, as on another machine."""

    def hide(batches):
        for of_run in Path(stage).glob("_run-*"):
            of_run.rename(Path(stage).with_name("hidden"))
        yield from batches

    return hide


def test_stage_that_workers_do_not_see_is_refused(people, tmp_path):
    """A folder of the driver alone is named, with the cure."""
    frame = people(60, 1).mapInArrow(hiding(str(tmp_path / "stage")), SCHEMA)

    with pytest.raises(ep.SourceError) as raised:
        stage_events(frame, MAPPING, tmp_path / "stage", order_by=["n"])

    cure = "name a folder that the workers and this machine share"
    assert str(raised.value) == f"{tmp_path / 'stage'}: a worker has no such folder: {cure}"


PROGRAM = """
import os, signal, sys
from pyspark.sql import SparkSession
import events_pandas as ep
from events_pandas.engines.spark import check_events, stage_events, submit_events

builder = SparkSession.builder.{where}
for setting in ["spark.ui.enabled", "spark.ui.showConsoleProgress"]:
    builder = builder.config(setting, "false")
spark = builder.config("spark.log.level", "OFF").config("spark.sql.shuffle.partitions", "4").getOrCreate()
columns = ["lpad(id, 5, '0') AS who", "'2024-01-31' AS day", "id AS n"]
mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
"""
KILLED_STAGE = """
victim = os.getpid() if "{victim}" == "driver" else spark.sparkContext._gateway.proc.pid

def kill(batches):
    from pyspark import TaskContext
    for batch in batches:
        yield batch
        if TaskContext.get().partitionId() == 9:
            os.kill(victim, signal.SIGKILL)

frame = spark.range(0, 12, 1, 12).selectExpr(*columns).mapInArrow(kill, "who string, day string, n long")
stage_events(frame, mapping, "stage", keys=["n"], order_by=["n"])
"""
KILLED_CHECK = KILLED_STAGE.replace(
    'stage_events(frame, mapping, "stage", keys=["n"], order_by=["n"])',
    """
import traceback
for call in [check_events, lambda *rows: stage_events(*rows, "stage", order_by=["n"])]:
    try:
        call(frame, mapping)
    except ep.SourceError as error:
        print(error)
""",
)
WITHOUT_SPARK = """
frame = spark.range(0, 12).selectExpr(*columns)
for end in [lambda: None, spark.stop]:
    end()
    try:
        check_events(frame, mapping)
    except ep.SourceError as error:
        print(error)
"""
INTERRUPTED_STAGE = """
import threading

driver, log, mark = os.getpid(), os.path.abspath("read.txt"), os.path.abspath("interrupted")

def interrupt(batches):
    with open(log, "a") as file:
        print(file=file)
    if not os.path.exists(mark):
        # Python would not see a signal that comes just as its main thread begins to wait for this one.
        threading.Event().wait(0.5)
        os.kill(driver, signal.SIGINT)
    while not os.path.exists(mark):
        threading.Event().wait(0.01)
    yield from batches

frame = spark.range(0, 40, 1, 40).selectExpr(*columns).mapInArrow(interrupt, "who string, day string, n long")
try:
    stage_events(frame, mapping, "stage", order_by=["n"], progress=False)
except KeyboardInterrupt:
    open(mark, "w").close()
    # Time for partitions that would still be begun.
    threading.Event().wait(5)
    raise
"""
KILLED_SENDING = """
victim = os.getpid() if "{victim}" == "driver" else spark.sparkContext._gateway.proc.pid

def watch(progress):
    global victim
    if victim and sum(progress.counts.values()) >= 300:
        os.kill(victim, signal.SIGKILL)
        victim = None

submit_events(
    spark.range(0, 1_000, 1, 12).selectExpr(*columns), mapping, stage="stage", results="results", order_by=["n"],
    client=ep.IntercomClient(base_url="{url}"), journal="journal.sqlite", keys=["n"], progress=watch,
    concurrency={concurrency},
)
"""
THROUGH_CONNECT = """
from pathlib import Path

log = Path("read.txt").absolute()

def note(batches):
    from pyspark import TaskContext
    with log.open("a") as file:
        print(TaskContext.get().partitionId(), file=file)
    yield from batches

frame = spark.range(0, 60, 1, 12).selectExpr(*columns).mapInArrow(note, "who string, day string, n long")
results = submit_events(
    frame.repartition(7), mapping, stage="stage", results="results", order_by=["n"],
    client=ep.IntercomClient(base_url="{url}"), journal="journal.sqlite", keys=["n"], progress=False,
)
print(type(frame).__module__)
print(sorted(map(int, log.read_text().split())) == list(range(12)))
print([(row.row, row.n, row.status) for row in results.orderBy("row").take(2)], results.persist().count())
print(check_events(frame, mapping).valid, len(log.read_text().split()))
spark.range(3).selectExpr(*columns).write.parquet("lake")
for call in [
    lambda: stage_events(spark.read.parquet(str(Path("lake").absolute())), mapping, "lake/stage", order_by=["n"]),
    lambda: check_events(frame.selectExpr("string(1 / (n - 5)) AS who", "day"), mapping),
    lambda: check_events(spark.table("nowhere"), mapping),
]:
    try:
        call()
    except ep.SourceError as error:
        print(str(error)[:60])
"""


@pytest.fixture
def run(tmp_path):
    """Run a program on Spark in a process of its own, to its end and that of its workers."""

    def run(program, *, where='master("local[2]")', sandbox=None, victim="", **variables):
        text = (PROGRAM + program).replace("{where}", where).replace("{victim}", victim)
        text = text.replace("{concurrency}", str(CONCURRENCY))
        token = {}
        if sandbox is not None:
            text = text.replace("{url}", sandbox.url)
            token = {"INTERCOM_ACCESS_TOKEN": sandbox.access_token}
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", text],
            cwd=tmp_path,
            check=False,
            timeout=300,
            capture_output=True,
            text=True,
            env={**os.environ, **VARIABLES, **token, **variables},
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["driver", "JVM"])
def test_stage_of_a_killed_process_is_replaced(run, people, tmp_path, victim):
    """Kill -9 leaves nothing that is taken for a stage; the next start writes all of it, with other partitions."""
    killed = run(KILLED_STAGE, victim=victim)
    stage = tmp_path / "stage"
    left = stage.exists()

    stage_events(people(12, 3), MAPPING, stage, keys=["n"], order_by=["n"])

    assert killed.returncode == (-signal.SIGKILL if victim == "driver" else 1), killed.stderr
    # An error of Spark is raised in the driver, which then deletes what it wrote.
    assert left == (victim == "driver")
    assert staged(stage)["n"].to_pylist() == list(range(12))
    assert {path.name[:5] for path in stage.iterdir()} == {"_mani", "part-"}


@pytest.mark.slow
def test_spark_that_was_killed_is_named(run, tmp_path):
    """A check whose JVM has gone, and the next call, end with one sentence each."""
    ended = run(KILLED_CHECK, victim="JVM")

    cure = "start Python again, or the kernel of the notebook, then the session, and call this again"
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert [re.sub(r"\((EOFError|\[Errno \d+\] Connection [a-z ]+)\)", "(...)", line) for line in said] == [
        f"Spark has ended, or cannot be reached (...): {cure}"
    ] * 2
    assert not (tmp_path / "stage").exists()


@pytest.mark.slow
def test_session_without_workers_or_an_end_is_named(run, tmp_path):
    """Workers without this Python, and a session that was stopped, have a cure of their own."""
    ended = run(WITHOUT_SPARK, PYSPARK_PYTHON=str(tmp_path / "python"), PYSPARK_DRIVER_PYTHON=sys.executable)

    assert ended.returncode == 0, ended.stderr
    no_workers, no_session = ended.stdout.splitlines()
    assert no_workers == (
        f'Spark cannot compute the rows (Cannot run program "{tmp_path / "python"}": error=2, No such file or '
        "directory): let the workers start this Python, by os.environ['PYSPARK_PYTHON'] = sys.executable before the "
        "session begins, and start it again"
    )
    assert no_session == (
        "Spark cannot compute the rows ([SESSION_OR_CONTEXT_NOT_EXISTS] SparkContext or SparkSession should be created "
        "first): begin a session, make the frame with it, and start it again"
    )


@pytest.mark.slow
def test_interrupt_ends_a_stage(run, tmp_path):
    """Ctrl-C cancels the partitions that are not begun, leaves nothing in the folder, and says how to go on."""
    interrupted = run(INTERRUPTED_STAGE)

    fault = "staging was interrupted: nothing was sent, and no part is kept: start it again to write all of it"
    assert interrupted.returncode == -signal.SIGINT
    assert f"\nKeyboardInterrupt: {tmp_path / 'stage'}: {fault}\n" in interrupted.stderr
    assert len((tmp_path / "read.txt").read_text()) < 10
    assert not (tmp_path / "stage").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* an earlier run was cut off")
@pytest.mark.parametrize("victim", ["driver", "JVM"])
def test_killed_process_that_was_sending_goes_on_with_other_partitions(run, people, start, tmp_path, victim):
    """Every event is once at the server, repeats are at most those that were under way, and no row has two results."""
    sandbox = start(faults=ep.Faults(latency_seconds=0.02))
    killed = run(KILLED_SENDING, sandbox=sandbox, victim=victim)
    arrived = len(sandbox.events)

    with sandbox.client() as client:
        results = submit_events(
            people(1_000, 5),
            MAPPING,
            stage=tmp_path / "stage",
            results=tmp_path / "results",
            order_by=["n"],
            overwrite=True,
            client=client,
            journal=tmp_path / "journal.sqlite",
            keys=["n"],
            progress=False,
        )

    if victim == "driver":
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert 300 <= arrived < 1_000
    else:
        # The driver sends without Spark, and only then has none to read the results with.
        assert "the events are sent and the results are written: read them with events_pandas" in killed.stderr
        assert arrived == 1_000
    assert [row.n for row in results.orderBy("row").collect()] == list(range(1_000))
    assert sorted(event.contact for event in sandbox.events) == [f"{number:05d}" for number in range(1_000)]
    assert sandbox.duplicates <= MOST_IN_FLIGHT


def test_spark_connect_does_what_classic_spark_does(run, start, tmp_path):
    """A frame of Spark Connect is staged, sent and checked, each partition once; its errors are sentences, too."""
    sandbox = start()

    ended = run(THROUGH_CONNECT, where='remote("local[2]")', sandbox=sandbox)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "pyspark.sql.connect.dataframe",
        "True",
        "[(0, 0, 'accepted'), (1, 1, 'accepted')] 60",
        "60 24",
        f"lake/stage: the next run may read it, since the frame reads the files in '{tmp_path / 'lake'}'"[:60],
        "Spark cannot compute the rows ([DIVIDE_BY_ZERO] Division by ",
        "Spark cannot compute the rows ([TABLE_OR_VIEW_NOT_FOUND] The",
    ]
    assert len(sandbox.events) == sandbox.requests == 60
