"""Files of results, read back as submitting returned them."""

import pandas as pd
import pytest

from events_pandas import SourceError, read_results, submit_file


@pytest.fixture
def submitted(tmp_path, make_orders, mapping, fake_client):
    """Submit rows with several statuses to a place; return their results."""
    make_orders(4, day=["2024-01-31", "never", "2024-01-31", "2024-02-01"], key=["007", "NA", "", "nan"]).to_csv(
        tmp_path / "a.csv", index=False
    )
    client = fake_client({"00002": [404]})

    def submitted(place, **options):
        return submit_file(
            tmp_path / "a.csv", mapping, client=client, journal=None, results_path=place, keys=["key"], **options
        )

    return submitted


@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "results"])
def test_results_are_read_as_they_were_returned(tmp_path, submitted, name):
    """Each column has the same cells and dtype; the key is the text of its file."""
    (tmp_path / "results").mkdir()
    results = submitted(tmp_path / name, include_identifier=True, chunksize=2)

    read = read_results(tmp_path / name)

    expected = results.reset_index(drop=True).astype({"key": read["key"].dtype})
    pd.testing.assert_frame_equal(read, expected)
    assert set(read["status"]) == {"accepted", "invalid", "unknown_contact"}
    assert read["key"].tolist() == ["007", "NA", pd.NA, "nan"]


def test_results_that_pandas_has_written_are_read_with_index_and_facts(tmp_path, submitted):
    """A Parquet file of pandas keeps both."""
    results = submitted(tmp_path / "results.csv")
    results.to_parquet(tmp_path / "own.parquet")

    read = read_results(str(tmp_path / "own.parquet"))

    # Absent texts of a key may be of another kind.
    pd.testing.assert_frame_equal(read.drop(columns="key"), results.drop(columns="key"))
    assert read["key"].dropna().tolist() == results["key"].dropna().tolist()
    assert read.attrs["run"]["requests"] == results.attrs["run"]["requests"]


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_results_without_rows_are_read_with_their_dtypes(tmp_path, submitted, name):
    """The columns are known before the first row."""
    results = submitted(tmp_path / "results.parquet").iloc[:0]
    (results.to_csv if name.endswith("csv") else results.to_parquet)(tmp_path / name, index=False)

    read = read_results(tmp_path / name)

    others = [column for column in read if column != "key"]
    assert read[others].dtypes.to_dict() == results[others].dtypes.to_dict()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("who,day\n1,2\n", "no column 'row': give what submit_file wrote to results_path"),
        ("row\n0\n", "no column 'status': give what submit_file wrote to results_path"),
        ("row,status\nx,accepted\n", "position 0 has the row 'x': expected a whole number, as submitting writes it"),
        (
            "row,status\n7,Accepted\n",
            (
                "row 7 has the status 'Accepted', which is not one of accepted, already_submitted, duplicate, invalid, "
                "unknown_contact, rejected, failed, not_submitted"
            ),
        ),
        ("row,status,attempts\n0,failed,x\n", "the column 'attempts' has a cell that is not a whole number"),
        (
            "row,status,created_at\n0,failed,soon\n",
            "row 0 has the created_at 'soon', which is not a time: write it as 2024-01-31T12:00:00Z",
        ),
        ("", "the results cannot be read: it is not a table"),
        (None, "the results cannot be read: No such file or directory"),
    ],
)
def test_file_that_has_no_results_is_an_error(tmp_path, text, fault):
    """It names the file, and what is wrong with it."""
    path = tmp_path / "results.csv"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SourceError) as caught:
        read_results(path)

    assert str(caught.value) == f"{path}: {fault}"
