"""A run over files whose results go as parts to a folder. The client is a fake."""

import pandas as pd
import pytest

from events_pandas import AuthenticationError, SourceError, SubmissionError, read_results, submit_file, summarize


@pytest.fixture
def submit(write, mapping, fake_client):
    """Submit three rows, and write their results to a folder."""
    write("a.csv", "1,2024-01-31", "2,2024-01-31", "3,never")

    def submit(client=None, **options):
        return submit_file("a.csv", mapping, client=client or fake_client(), results_path="results/", **options)

    return submit


def test_results_in_a_folder_are_those_that_are_returned(submit):
    """Their summary is the same but for the facts of the run, which no file has."""
    results = submit(chunksize=1)

    read = read_results("results/")
    pd.testing.assert_frame_equal(read, results.reset_index(drop=True))
    assert summarize(read).statuses.to_dict() == summarize(results).statuses.to_dict()


@pytest.mark.parametrize("chunksize", [1, 2, 1_000])
def test_run_that_is_started_again_leaves_no_row_twice(submit, chunksize):
    """Rows that are submitted already have results too, so that the new ones replace all earlier ones."""
    submit()

    submit(chunksize=chunksize)

    assert pd.read_parquet("results")["status"].tolist() == ["already_submitted", "already_submitted", "invalid"]


def test_run_that_sends_nothing_leaves_earlier_results(submit, fake_client, tmp_path):
    """A note says so; a folder that the run made is gone."""
    with pytest.raises(SubmissionError):
        submit(fake_client(me=401))
    assert not (tmp_path / "results").exists()
    submit()

    with pytest.raises(AuthenticationError) as caught:
        submit(fake_client(me=401))

    assert caught.value.__notes__ == ["not written, as nothing was sent: results (files of an earlier run stay)"]
    assert read_results("results")["status"].tolist() == ["accepted", "accepted", "invalid"]
    assert sorted(file.name[:9] for file in (tmp_path / "results").iterdir()) == ["_manifest", "part-0000"]


def test_run_that_ends_early_has_a_result_for_every_row(submit, fake_client):
    """As in a file of results."""
    with pytest.raises(AuthenticationError):
        submit(fake_client({"1": [401]}), concurrency=1, chunksize=1)

    assert read_results("results")["row"].tolist() == [0, 1, 2]
    assert pd.read_parquet("results")["status"].tolist() == ["not_submitted", "not_submitted", "invalid"]


def test_folder_with_other_files_is_refused_before_the_first_event(submit, fake_client, tmp_path):
    """They stay as they are."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "orders.csv").write_text("mine")
    client = fake_client()

    with pytest.raises(SourceError, match=r"^results: results cannot be written there: the folder holds other files"):
        submit(client)

    assert (client.me_requests, client.events) == (0, [])
    assert (tmp_path / "results" / "orders.csv").read_text() == "mine"


@pytest.mark.parametrize("option", ["results_path", "rejects_path"])
def test_path_that_is_no_text_is_refused(write, mapping, fake_client, option):
    """Bytes are no path here."""
    write("a.csv", "1,2024-01-31")

    with pytest.raises(TypeError, match=f"^{option}: expected a path as text, or a Path, got a bytes$"):
        submit_file("a.csv", mapping, client=fake_client(), **{option: b"results/"})


@pytest.mark.parametrize("option", ["results_path", "rejects_path"])
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("s3://bucket/r.csv", "s3://bucket/r.csv: {} cannot be written there: {}"),
        ("a\0b.csv", "a\\u0000b.csv: {} cannot be written there: embedded null byte"),
        ("x" * 300 + ".csv", "x" * 300 + ".csv: {} cannot be written there: File name too long"),
    ],
    ids=["address", "null", "long"],
)
def test_path_that_no_file_can_have_is_refused_before_the_first_event(write, mapping, fake_client, option, path, said):
    """The message names it, and what is wrong with it."""
    write("a.csv", "1,2024-01-31")
    client = fake_client()

    with pytest.raises(SourceError) as caught:
        submit_file("a.csv", mapping, client=client, **{option: path})

    holds = option.removesuffix("_path")
    assert str(caught.value) == said.format(holds, "it is an address: name a file or a folder of this machine")
    assert (client.me_requests, client.events) == (0, [])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("s3://bucket/r/", "s3://bucket/r/: is an address: copy the results to this machine, and read them there"),
        ("x" * 300, "x" * 300 + ": the results cannot be read: File name too long"),
    ],
    ids=["address", "long"],
)
def test_path_that_no_results_can_have_is_named(path, said):
    """It is not taken for a file that is missing."""
    with pytest.raises(SourceError) as caught:
        read_results(path)

    assert str(caught.value) == said
