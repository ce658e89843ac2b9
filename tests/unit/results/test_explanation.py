"""Why rows were not accepted: a line for each cause, as a person would group them."""

import pandas as pd
import pytest

from events_pandas.results import STATUS_DTYPE, explain
from events_pandas.results.explanation import explained
from events_pandas.results.frame import text_column

DTYPES = {
    "cause": "string",
    "error_code": "string",
    "status": "category",
    "rows": "int64",
    "share": "float64",
    "example": "string",
    "what_to_do": "string",
    "request_ids": "string",
}
NOT_POSITIVE = (
    "{field}: {value} in column '{column}' is not above zero, and Intercom accepts only positive amounts: leave the "
    "amount empty to send the event without it (for zeros, set zero to 'omit' in the rule of the amount), or drop the "
    "row"
)
RUN = {"keeps_journal": True}


@pytest.fixture
def make_results():
    """Make results of a run: tuples of status, error code, message and request id, on labels if there are any."""

    def make(*ends, labels=None, **columns):
        padded = [(*end, *[None] * (4 - len(end))) for end in ends]
        statuses, *texts = zip(*padded, strict=True) if ends else ((), (), (), ())
        results = pd.DataFrame(
            {
                "row": pd.array(range(len(ends)), dtype="int64"),
                "status": pd.Categorical(statuses, dtype=STATUS_DTYPE),
                **dict(zip(("error_code", "error_message", "request_id"), map(text_column, texts), strict=True)),
                **columns,
            },
            index=labels,
        )
        results.attrs["run"] = RUN
        return results

    return make


def not_positive(field, column, value="0"):
    message = NOT_POSITIVE.format(field=field, column=column, value=value)
    return ("invalid", "amount_not_positive", message)


def test_explain_has_one_line_for_one_cause_in_several_fields(make_results):
    """Two amounts that are not positive are one trouble; the cause names both fields, and the example shows a cell."""
    results = make_results(
        not_positive("metadata.price.amount", "total"),
        not_positive("metadata.tax.amount", "tax", value="-1"),
        ("accepted",),
        not_positive("metadata.price.amount", "total"),
        labels=["a", "b", "c", "d"],
    )

    found = explain(results)

    assert found.to_dict("records") == [
        {
            "cause": (
                "metadata.price.amount, metadata.tax.amount: a value is not above zero, and Intercom accepts only "
                "positive amounts"
            ),
            "error_code": "amount_not_positive",
            "status": "invalid",
            "rows": 3,
            "share": 0.75,
            "example": "row 0 ('a'): metadata.price.amount: 0 in column 'total'",
            "what_to_do": (
                "leave the amount empty to send the event without it (for zeros, set zero to 'omit' in the rule of "
                "the amount), or drop the row"
            ),
            "request_ids": None,
        }
    ]
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == DTYPES


def test_explain_has_the_most_frequent_cause_first(make_results):
    """Equal ones come in the order of their first rows."""
    results = make_results(("failed", "server_error"), ("rejected", "x"), ("rejected", "y"), ("rejected", "y"))

    assert explain(results)["error_code"].tolist() == ["y", "server_error", "x"]


@pytest.mark.parametrize(
    ("status", "code", "cause", "what_to_do"),
    [
        (
            "unknown_contact",
            "user_missing",
            "Intercom does not know the contact",
            ("ep.create_contacts(ep.unknown_contacts(results, frame, mapping), client=client), or fix the identifiers"),
        ),
        (
            "duplicate",
            "duplicate",
            "an earlier row has the same contact, event name and second, and the same metadata",
            "nothing, if both rows are one event; otherwise set duplicates to 'spread' in the mapping",
        ),
        (
            "not_submitted",
            "duplicate_of_unsent",
            "an earlier row with the same contact, event name and second was not accepted",
            "fix that row, then submit both again",
        ),
        (
            "not_submitted",
            "interrupted",
            "the run was interrupted before this row",
            "submit the row again",
        ),
        (
            "failed",
            "server_error",
            "Intercom answered with an error of its own, so that the event may have arrived",
            "submit these rows again: if an event has arrived, Intercom ignores the repeat",
        ),
        (
            # Intercom's own code, which has the name of one of ours.
            "rejected",
            "duplicate",
            "Intercom rejected the event (400 Bad Request, duplicate: no)",
            "fix the row, then submit it again",
        ),
    ],
)
def test_explain_has_the_cause_and_what_to_do(make_results, status, code, cause, what_to_do):
    """Codes of this package have words of their own; what Intercom refuses is told as Intercom says it."""
    message = "Intercom rejected the event (400 Bad Request, duplicate: no): fix the row, then submit it again"

    (found,) = explain(make_results((status, code, message))).to_dict("records")

    assert (found["cause"], found["what_to_do"]) == (cause, what_to_do)


def test_explain_groups_messages_that_differ(make_results):
    """What differs from row to row, such as the id of a merged contact, does not split a cause."""
    said = "Intercom rejected the event (410 Gone): the contact was merged into the contact with the id {0}: submit {0}"
    results = make_results(*[("rejected", "http_410", said.format(number)) for number in (17, 18)])

    (found,) = explain(results).to_dict("records")

    assert (found["cause"], found["rows"]) == ("Intercom rejected the event", 2)
    assert found["what_to_do"] == "fix these rows as their error_message says, then submit them again"


def test_explain_takes_a_message_without_a_cure(make_results):
    """A message of another program is the cause, as it stands."""
    (found,) = explain(make_results(("rejected", "x", "no"))).to_dict("records")

    assert found["cause"] == "no"
    assert found["what_to_do"] == "fix these rows as their error_message says, then submit them again"


def test_explain_says_less_without_codes_and_messages(make_results):
    """Results that another program has cut down still count."""
    (found,) = explain(make_results(("failed",)).drop(columns="request_id")).to_dict("records")

    assert found["cause"] == "no final answer, or no record of it"
    assert (found["error_code"], found["what_to_do"]) == (None, "submit these rows again")


def test_explain_has_up_to_three_request_ids(make_results):
    """Intercom's support asks for one; a retry of a row may repeat it."""
    ids = ["r1", "r2", "r2", None, "r3", "r4"]
    results = make_results(*[("rejected", "x", "no", request_id) for request_id in ids])

    assert explain(results)["request_ids"].tolist() == ["r1, r2, r3"]


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        (["a", "b"], "row 1 ('b')"),
        ([10, 20], "row 1 (20)"),
        (pd.MultiIndex.from_tuples([("x", 1), ("y", 2)]), "row 1 (('y', 2))"),
        (pd.DatetimeIndex(["2024-01-31", "2024-02-01"]), "row 1 (2024-02-01 00:00:00)"),
        (["a", "b\x1b[2J" + "x" * 60], "row 1 ('b\\x1b[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...')"),
        (["a@example.org", "b@example.org"], "row 1"),
        (pd.MultiIndex.from_tuples([("x", "a@example.org"), ("y", "b@example.org")]), "row 1"),
        (None, "row 1"),
    ],
)
def test_explain_names_the_label_of_an_example(make_results, labels, place):
    """A label finds the row in the caller's frame. A row's number is not said twice, and an address is not shown."""
    results = make_results(("accepted",), ("rejected", "x", "no"), labels=labels)

    assert explain(results)["example"].tolist() == [place]


def test_explain_names_the_line_of_a_file(make_results):
    """The index of files counts the rows of each file, which says less than file and line."""
    results = make_results(
        ("accepted",), ("rejected", "x", "no"), labels=[0, 0], source_file=["a.csv", "b.csv"], line=[2, 2]
    )

    assert explain(results)["example"].tolist() == ["row 1 (b.csv line 2)"]


def test_explain_takes_labels_from_the_frame_when_results_have_lost_them(make_results, tmp_path):
    """A file of results has no index, and its positions are not the caller's labels."""
    results = make_results(("accepted",), ("accepted",), ("rejected", "x", "no"), labels=["a", "b", "c"])
    frame = pd.DataFrame({"who": "1"}, index=results.index)
    results.to_csv(tmp_path / "results.csv", index=False)
    back = pd.read_csv(tmp_path / "results.csv")

    assert explain(back[back["status"] == "rejected"].reset_index(drop=True))["example"].tolist() == ["row 2"]
    assert explain(back, frame)["example"].tolist() == ["row 2 ('c')"]


@pytest.mark.parametrize(
    "choose",
    [
        lambda results: results[results["status"] == "rejected"].reset_index(drop=True),
        lambda results: results.sort_values("error_code", ignore_index=True),
        lambda results: results.iloc[1:].reset_index(drop=True),
    ],
)
def test_explain_shows_no_label_when_results_have_a_new_index(make_results, choose):
    """The facts of the run survive `reset_index`, and the new index counts the results: it has no caller's label."""
    results = make_results(("accepted",), ("accepted",), ("rejected", "x", "no"), labels=["a", "b", "c"])
    results.attrs["run"] = {"frame": {"first_row": 0, "rows": 3}}

    assert explain(choose(results))["example"].tolist() == ["row 2"]


def test_explain_shows_the_label_of_a_frame_of_a_stream(make_results):
    """The rows of a stream are counted over all its frames, and each has an index of its own."""
    results = make_results(("accepted",), ("rejected", "x", "no"))
    results["row"] += 100
    results.attrs["run"] = {"frame": {"first_row": 100, "rows": 2}}

    assert explain(results)["example"].tolist() == ["row 101 (1)"]


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        (pd.Index([pd.NA, pd.NA], dtype=object), "row 1 (<NA>)"),
        (pd.Index([None, None], dtype=object), "row 1"),
        ([float("nan")] * 2, "row 1 (nan)"),
        (pd.MultiIndex.from_tuples([("x", pd.NA), ("y", pd.NA)]), "row 1 (('y', nan))"),
    ],
)
def test_explain_takes_labels_that_are_missing(make_results, labels, place):
    """An index may have no label for a row: it is neither equal to a number nor not."""
    results = make_results(("accepted",), ("rejected", "x", "no"), labels=labels)

    assert explain(results)["example"].tolist() == [place]


def test_explain_takes_results_that_were_read_as_text(make_results, tmp_path):
    """Absent texts are empty then, and row 5 still comes before row 10."""
    ends = [("rejected", "x", "no")] * 11
    ends[:5] = [("accepted",)] * 5
    results = make_results(*ends, source_file="a.csv", line=pd.array([None] * 11, dtype="Int64"))
    results.iloc[::-1].to_csv(tmp_path / "results.csv", index=False)
    back = pd.read_csv(tmp_path / "results.csv", dtype=str, keep_default_na=False)

    causes = explain(back)

    assert causes[["rows", "example"]].to_numpy().tolist() == [[6, "row 5 (a.csv)"]]
    assert causes["request_ids"].isna().all()


def test_explain_refuses_a_column_that_comes_twice(make_results):
    """Results that were joined with themselves do not say which column counts."""
    results = make_results(("rejected", "x", "no"))

    with pytest.raises(ValueError, match="columns") as caught:
        explain(pd.concat([results, results[["request_id"]]], axis=1))

    assert str(caught.value) == "results: 2 columns have the name 'request_id': give what submitting returned"


def test_explained_shows_no_labels_unless_they_are_given(make_results):
    """A report that is passed on may leave out labels, which may be addresses of persons."""
    results = make_results(("rejected", "x", "no"), labels=["ada@example.org"])

    assert explained(results, labels=None)["example"].tolist() == ["row 0"]


@pytest.mark.parametrize("ends", [[], [("accepted",), ("already_submitted",)]])
def test_explain_is_empty_when_all_rows_have_arrived(make_results, ends):
    """The table keeps its columns and dtypes."""
    found = explain(make_results(*ends))

    assert found.empty
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == DTYPES


@pytest.mark.parametrize(
    ("results", "frame", "error", "message"),
    [
        ([], None, TypeError, "results: expected a DataFrame, got a list: give what submitting returned"),
        (pd.DataFrame({"row": [0]}), None, ValueError, "results: no column 'status': give what submitting returned"),
        (None, [], TypeError, "frame: expected a DataFrame, got a list: give what submitting was given"),
        (
            None,
            pd.DataFrame(),
            ValueError,
            "frame: has 0 rows, and results have row 0: give all rows that were submitted, and no others",
        ),
    ],
)
def test_explain_refuses_what_does_not_belong_together(make_results, results, frame, error, message):
    """A table that is not of results, or a frame that is too short, is an error that names it."""
    given = make_results(("rejected", "x", "no")) if results is None else results

    with pytest.raises(error) as caught:
        explain(given, frame)

    assert str(caught.value) == message


def test_explained_hides_the_message_of_a_code_that_it_does_not_know(make_results):
    """The message of an invalid row shows its cell, also if another version wrote it."""
    results = make_results(("invalid", "of_another_version", "metadata.x: 'secret' in column 'x' is odd: fix it"))

    assert explained(results, labels=None)["cause"].tolist() == ["metadata.x: 'secret' in column 'x' is odd"]
    hidden = explained(results, labels=None, shows_cells=False)
    assert hidden[["cause", "what_to_do"]].to_numpy().tolist() == [
        [
            "break a rule of Intercom's, and were not sent",
            "fix these rows as their error_message says, then submit them again",
        ]
    ]


UNREADABLE = "metadata.fee.amount: '{}' in column 'fee' is not a plain amount: {}"
WITH_COMMA = "write it as 349,99, without symbols"
OF_CODE = "write it as 349.99 (349,99 if decimal is ','), without symbols or thousands separators"


@pytest.mark.parametrize(
    ("cells", "what_to_do", "hidden"),
    [
        ({"kostenlos": WITH_COMMA, "gratis": WITH_COMMA}, WITH_COMMA, WITH_COMMA),
        # A cell may hold the words of a message.
        ({"' is not a plain amount: pay": WITH_COMMA}, WITH_COMMA, WITH_COMMA),
        ({"kostenlos": WITH_COMMA, "5 USD": "remove 'USD'"}, OF_CODE, OF_CODE),
        # The cure repeats a part of the cell.
        ({"5 USD": "remove 'USD'"}, "remove 'USD'", OF_CODE),
    ],
)
def test_explain_tells_the_cure_of_the_cells_if_it_is_one(make_results, cells, what_to_do, hidden):
    """The cure that fits the mapping comes before the general one; without cells it is shown if it repeats none."""
    messages = [UNREADABLE.format(*cell) for cell in cells.items()]
    results = make_results(*(("invalid", "amount_unreadable", message) for message in messages))

    assert explain(results)["what_to_do"].tolist() == [what_to_do]
    assert explained(results, labels=None, shows_cells=False)["what_to_do"].tolist() == [hidden]
