"""Answers are read without trust, and reading never raises."""

import pytest

from events_pandas.deliver.client.answers import (
    Answer,
    AttemptKind,
    Rate,
    TransportError,
    phrase,
    read_attempt,
    seconds_to_reset,
)

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"  # 1,700,000,000


def _rate_headers(limit="166", remaining="12", reset="1700000010", **more):
    return {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset, **more}


def _read(answer):
    return read_attempt(answer, sent_at=1.0, received_at=2.0)


def _details(answer):
    attempt = _read(answer)
    return attempt.code, attempt.message, attempt.request_id


def test_read_attempt_takes_code_message_and_request_id(error_body):
    """An `error.list` gives its first code, its message and the request id."""
    answer = Answer(status=404, body=error_body("not_found", "User Not Found"))

    assert _details(answer) == ("not_found", "User Not Found", "req-1")


def test_read_attempt_joins_the_messages_of_several_errors():
    """Several errors give the first code and all messages."""
    answer = Answer(status=400, body=b'{"errors":[{"code":"a","message":"one"},{"code":"b","message":"two"}]}')

    assert _details(answer) == ("a", "one; two", None)


@pytest.mark.parametrize(("code", "read"), [('"422"', "422"), ("422", "422"), ("true", None), ("null", None)])
def test_read_attempt_reads_a_code_as_text(code, read):
    """A code may be a number or a number in a string; any other value is ignored."""
    answer = Answer(status=422, body=b'{"errors":[{"code":%s}]}' % code.encode())

    assert _read(answer).code == read


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html><h1>502 Bad Gateway</h1></html>",
        b'{"type":"error.list","errors":[{"code":"not_fo',
        b"[]",
        b"null",
        b'{"errors":null,"request_id":null}',
        b'{"errors":[null,1,"x"]}',
        b'{"errors":{"code":"x"}}',
        b"\xff\xfe\x00",
        b"[" * 60_000,
        b"1" * 5_000,
    ],
)
def test_read_attempt_of_an_unreadable_body_is_empty(body):
    """A body that is HTML, empty, cut off or of another shape gives no details, and raises nothing."""
    assert _details(Answer(status=502, body=body)) == (None, None, None)


def test_read_attempt_replaces_half_a_surrogate_pair():
    """Text that no file could hold is replaced."""
    answer = Answer(status=400, body=b'{"errors":[{"message":"bad \\ud800 end"}]}')

    assert _read(answer).message == "bad ? end"


def test_read_attempt_says_nothing_to_a_terminal():
    """Control characters are escaped: code, message and request id go into our messages."""
    error = b'{"code":"a\\u001b[2J","message":"b\\n5 rows"}'
    answer = Answer(status=400, body=b'{"request_id":"c\\u202e","errors":[' + error + b"]}")

    assert _details(answer) == ("a\\u001b[2J", "b\\n5 rows", "c\\u202e")


def test_read_attempt_content_of_an_array_is_an_empty_object():
    """Only a JSON object is read."""
    assert _read(Answer(status=200, body=b"[1]")).content == {}


def test_read_attempt_rate_reads_the_three_headers():
    """Limit, remaining and reset come as numbers."""
    answer = Answer(status=202, headers=_rate_headers(Date=DATE))

    assert _read(answer).rate == Rate(limit=166, remaining=12, reset=1_700_000_010.0)


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Limit": "many", "X-RateLimit-Reset": "7"}])
def test_read_attempt_rate_is_none_when_no_header_makes_sense(headers):
    """Missing and unreadable headers leave the rate unknown."""
    assert _read(Answer(status=202, headers=headers)).rate is None


@pytest.mark.parametrize("limit", ["0", "-1", "1_6", "٣", ""])
def test_read_attempt_rate_does_without_a_limit_that_makes_no_sense(limit):
    """Each header counts for itself: the others are read without it."""
    rate = _read(Answer(status=202, headers=_rate_headers(limit=limit))).rate

    assert rate == Rate(limit=None, remaining=12, reset=1_700_000_010.0)


@pytest.mark.parametrize("reset", ["soon", "", "7", "-1", "9" * 5_000, "2023-11-14", "1e9"])
def test_read_attempt_rate_does_without_a_reset_that_makes_no_sense(reset):
    """Limit and remaining are read without it."""
    rate = _read(Answer(status=202, headers=_rate_headers(reset=reset, Date=DATE))).rate

    assert rate == Rate(limit=166, remaining=12, reset=None)


@pytest.mark.parametrize(
    "reset", ["1700000010", "1700000010.000", "1700000010000", "2023-11-14T22:13:30Z", "2023-11-14 22:13:30"]
)
def test_read_attempt_rate_reads_a_reset_in_other_forms(reset):
    """A fraction, milliseconds and ISO 8601 are read too; a time without a zone is in UTC."""
    assert _read(Answer(status=202, headers=_rate_headers(reset=reset))).rate.reset == 1_700_000_010.0


@pytest.mark.parametrize(
    ("reset", "date", "seconds"),
    [
        (1_700_000_010.0, 1_700_000_002.0, 8.0),
        (1_700_000_010.0, 1_700_000_010.0, None),
        (1_700_000_010.0, 1_699_990_000.0, None),
        (None, 1_700_000_002.0, None),
        (1_700_000_010.0, None, None),
    ],
)
def test_seconds_to_reset_counts_by_the_date_of_the_answer(reset, date, seconds):
    """A reset that is over, or hours away, does not end a window."""
    assert seconds_to_reset(Rate(reset=reset), date) == seconds


def test_read_attempt_rate_takes_a_negative_remaining_as_none_left():
    """A negative number of remaining requests is 0."""
    rate = _read(Answer(status=429, headers=_rate_headers(remaining="-3"))).rate

    assert rate == Rate(limit=166, remaining=0, reset=1_700_000_010.0)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        (DATE, 1_700_000_000.0),
        ("Tue, 14 Nov 2023 22:13:20 -0000", 1_700_000_000.0),
        ("yesterday", None),
        ("", None),
        ("Tue, 99 Nov 2023 22:13:20 GMT", None),
    ],
)
def test_read_attempt_date_is_unix_seconds(date, seconds):
    """The server's clock is in Unix seconds, or None."""
    assert _read(Answer(status=202, headers={"Date": date})).date == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("86400", 300.0),
        ("Tue, 14 Nov 2023 22:13:25 GMT", 5.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("later", None),
    ],
)
def test_read_attempt_retry_after_is_seconds_within_bounds(value, seconds):
    """Seconds and dates are read, and clamped to five minutes."""
    assert _read(Answer(status=503, headers={"Retry-After": value, "Date": DATE})).retry_after == seconds


def test_read_attempt_retry_after_is_none_when_a_date_has_nothing_to_count_from():
    """A date counts from the server's clock, never from the local clock."""
    assert _read(Answer(status=503, headers={"Retry-After": DATE})).retry_after is None


def test_phrase_is_a_status_with_its_name():
    """A status has its name after it, if there is one."""
    assert (phrase(503), phrase(599)) == ("503 Service Unavailable", "599")


def test_read_attempt_finds_the_limit_in_a_429():
    """Intercom's text states the limit if no header does."""
    stated = Answer(status=429, body=b"Exceeded rate limit of 167 in 10_seconds")

    assert _read(stated).named_limit == 167
    assert _read(Answer(status=429, body=b"Exceeded rate limit")).named_limit is None


@pytest.mark.parametrize(
    "error",
    [
        '{"code":"not_found","message":"User Not Found"}',
        '{"code":"not_found","message":"user not found"}',
        '{"code":"not_found","message":"Contact Not Found"}',
        '{"code":"user_not_found"}',
        '{"code":"ContactNotFound","message":null}',
        '{"code":"404","message":"Lead with this id does not exist"}',
        '{"message":"No such visitor"}',
        '{"code":"not_found","message":"Not Found","field":"user_id"}',
        '{"code":"not_found","message":"Not Found"},{"message":"Users not found"}',
    ],
)
def test_read_attempt_finds_a_user_or_contact_in_every_spelling(error):
    """An error names a contact by its code, its message or its field, in any case."""
    assert (
        _read(Answer(status=404, body=b'{"type":"error.list","errors":[%s]}' % error.encode())).speaks_of_contact
        is True
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>user not found</html>",
        b'{"message":"User Not Found"}',
        b'{"errors":[{"code":"not_found","message":"Resource Not Found"}]}',
        b'{"errors":[{"code":"route_not_found","message":"route not found"}]}',
        b'{"errors":[{"code":"not_found","message":"no route for this user"}]}',
        b'{"errors":[{"code":"not_found","message":"Not found, please contact your administrator"}]}',
        b'{"errors":[{"code":"not_found","message":"unknown user-agent"}]}',
        b'{"errors":[{"code":"not_found","message":"misleading"}]}',
        b'{"errors":[{"code":"not_found","message":"Not Found","field":"path"}]}',
        b'{"errors":["User Not Found"]}',
    ],
)
def test_read_attempt_finds_none_in_other_answers(body):
    """The words of a proxy, of another server or about a wrong path do not name a contact."""
    assert _read(Answer(status=404, body=body)).speaks_of_contact is False


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (Answer(status=202), AttemptKind.ACCEPTED),
        *((Answer(status=status), AttemptKind.FINAL) for status in (200, 301, 400, 401, 403, 404, 406, 409, 410, 422)),
        (Answer(status=429), AttemptKind.PACED),
        (Answer(status=429, headers=_rate_headers(remaining="0")), AttemptKind.PACED),
        (Answer(status=429, headers=_rate_headers(remaining="3")), AttemptKind.FAILED),
        *((Answer(status=status), AttemptKind.FAILED) for status in (408, 500, 501, 502, 503, 504, 599)),
        (TransportError("broke", may_have_arrived=True), AttemptKind.FAILED),
        (TransportError("refused", may_have_arrived=False), AttemptKind.FAILED),
    ],
)
def test_attempt_kind_follows_from_status_and_rate(result, kind):
    """Every attempt is accepted, final, refused by the rate limit alone, or failed."""
    assert _read(result).kind is kind


@pytest.mark.parametrize(
    ("kind", "passes"),
    [
        (AttemptKind.ACCEPTED, False),
        (AttemptKind.FINAL, False),
        (AttemptKind.PACED, True),
        (AttemptKind.FAILED, True),
    ],
)
def test_attempt_kind_says_whether_another_attempt_may_succeed(kind, passes):
    """A refusal by the rate limit passes, and so may a failure."""
    assert kind.passes is passes


@pytest.mark.parametrize(
    ("result", "doubt"),
    [
        (Answer(status=202), None),
        (Answer(status=422), None),
        (Answer(status=429), None),
        (Answer(status=408), None),
        (Answer(status=503), "server_error"),
        (TransportError("broke", may_have_arrived=True), "no_answer"),
        (TransportError("refused", may_have_arrived=False), None),
    ],
)
def test_read_attempt_doubts_a_failure_that_may_have_arrived(result, doubt):
    """The event may have arrived if the server failed, or if its answer was lost."""
    assert _read(result).doubt == doubt


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(status=503, headers={"Retry-After": "20"}), 20.0),
        (Answer(status=429, headers=_rate_headers(remaining="0", Date=DATE)), 10.0),
        (Answer(status=429, headers=_rate_headers(remaining="0", reset="1700000900", Date=DATE)), 60.0),
        (Answer(status=429, headers=_rate_headers(remaining="3", Date=DATE)), 0.0),
        (Answer(status=503, headers=_rate_headers(remaining="0", Date=DATE)), 0.0),
        (Answer(status=429, headers={"Date": DATE}), 0.0),
    ],
)
def test_attempt_asks_to_wait_for_retry_after_or_a_spent_window(answer, seconds):
    """The rest of a window counts after a refusal that says that nothing is left, up to a minute."""
    assert _read(answer).asked_seconds == seconds


def test_attempt_says_in_one_line_what_came_back(error_body):
    """The line has the status and what the body says, or why no answer came."""
    answer = Answer(status=404, body=error_body("not_found", "User Not Found"))
    broken = TransportError("the connection broke", may_have_arrived=True)

    said = [_read(result).said for result in (answer, Answer(status=503), broken)]

    assert said == ["404 Not Found, not_found: User Not Found", "503 Service Unavailable", "the connection broke"]


def test_read_attempt_takes_the_request_of_an_accepted_event_from_its_header(error_body):
    """An accepted event has no body that anyone reads."""
    accepted = Answer(status=202, headers={"X-Request-Id": "req-7"}, body=error_body("not_found", "User Not Found"))

    assert _details(accepted) == (None, None, "req-7")
