"""A rate limit that no answer states."""

import pytest

from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.pace.unstated import UnstatedLimit

NOW = 100.0


class Learner:
    """A limit, and the trials of ten seconds from which it learns."""

    def __init__(self, rate_share=1.0):
        self.limit, self._now = UnstatedLimit(rate_share), NOW

    def answer(self, status=202, *, at=None, sent_at=None):
        """Learn from an answer that came at once."""
        at = self._now if at is None else at
        seen = Attempt(status=status, sent_at=at if sent_at is None else sent_at, received_at=at)
        self.limit.observe(seen, is_unexplained=status == 429)

    def trial(self, answered, refused=0):
        """Let answers come within ten seconds, some of them scattered refusals, and return the limit."""
        every = answered // refused if refused else answered + 1
        for number in range(answered):
            self.answer(429 if number % every == every - 1 else 202, at=self._now + 10 * number / answered)
        self._now += 10
        # The first request of the next trial ends this one.
        self.answer()
        return self.limit.limit


@pytest.fixture
def learner():
    """Return a limit that has learned nothing."""
    return Learner()


def test_unstated_limit_is_the_documented_one_at_first(learner):
    """An app has 10,000 requests a minute by default, which are 1,666 in ten seconds."""
    assert learner.limit.limit == 1_666
    assert learner.limit.interval_seconds == pytest.approx(10 / 1_666)


def test_unstated_limit_is_what_was_accepted_when_many_were_refused(learner):
    """After a trial with refusals, the next pace is a little less than was accepted."""
    assert learner.trial(1_600, refused=400) == int(0.98 * 1_200)
    assert learner.limit.is_below_stated


def test_unstated_limit_ignores_a_single_refusal(learner):
    """One refusal in ten seconds means nothing."""
    assert learner.trial(1_000, refused=1) == 1_666


def test_unstated_limit_returns_to_its_pace_when_as_many_are_refused_at_a_lower_one(learner):
    """Then the pace is not the cause, and so many refusals are usual."""
    limits = [learner.trial(1_600, refused=80), learner.trial(1_400, refused=70), learner.trial(1_600, refused=80)]

    assert limits == [int(0.98 * 1_520), 1_666, 1_666]
    assert learner.limit.expects_refusals


def test_unstated_limit_expects_nothing_when_a_lower_pace_ends_the_refusals(learner):
    """Then the pace was the cause."""
    learner.trial(1_600, refused=80)

    learner.trial(1_489)

    assert not learner.limit.expects_refusals


def test_unstated_limit_tries_more_in_steps_that_grow(learner):
    """Each trial without a refusal allows a larger step, up to the documented limit."""
    learner.limit.limit = 150
    limits = [learner.trial(learner.limit.limit) for _ in range(5)]

    assert limits == [154, 158, 238, 715, 1_666]


def test_unstated_limit_grows_only_where_it_is_used(learner):
    """A run that sends little proves nothing about a larger limit."""
    learner.limit.limit = 150

    assert [learner.trial(60) for _ in range(4)] == [150] * 4


def test_unstated_limit_takes_a_step_back_that_failed(learner):
    """The next pace is the number of accepted requests; the trial after it shows whether the step was the cause."""
    learner.limit.limit = 150
    learner.trial(150)
    learner.trial(154)

    limits = [learner.trial(158, refused=4), learner.trial(150), learner.trial(150)]

    assert limits == [151, 151, 155]


def test_unstated_limit_learns_from_a_streak_of_refusals_at_once(learner):
    """Five refusals without an accepted request between are not an accident.

    In the first ten seconds they halve the pace.
    """
    for number in range(100):
        learner.answer(at=NOW + number / 100)

    for _ in range(8):
        learner.answer(429, at=NOW + 1)

    assert learner.limit.limit == 833


def test_unstated_limit_is_what_ten_seconds_accepted_after_a_streak_of_refusals(learner):
    """A window has room for as many requests as the last ten seconds accepted."""
    for number in range(1_100):
        learner.answer(at=NOW + number / 100)

    for _ in range(5):
        learner.answer(429, at=NOW + 11)

    assert learner.limit.limit == int(0.98 * 1_000)


def test_unstated_limit_ends_a_streak_with_an_accepted_request_that_left_later(learner):
    """Refusals with accepted requests between them are sporadic."""
    for number in range(20):
        learner.answer(429, at=NOW + number)
        learner.answer(at=NOW + number + 0.5)

    assert learner.limit.limit > 5


def test_unstated_limit_goes_on_with_a_streak_when_an_earlier_request_is_accepted(learner):
    """An answer that was overtaken does not contradict refusals."""
    for _ in range(4):
        learner.answer(429, at=NOW + 1)
    learner.answer(at=NOW + 2, sent_at=NOW)

    learner.answer(429, at=NOW + 2)

    assert learner.limit.limit == 833


def test_unstated_limit_is_never_nothing(learner):
    """However often it is lowered, one request in ten seconds is left."""
    for _ in range(30):
        learner.trial(2, refused=2)

    assert learner.limit.limit == 1


def test_unstated_limit_learns_nothing_from_a_failure(learner):
    """A 503 is not an acceptance, and not a refusal."""
    for _ in range(900):
        learner.answer(503)

    assert learner.trial(100) == 1_666


def test_unstated_limit_leaves_others_their_share():
    """With a share of a half, the limit is twice what was accepted, and half of it is used."""
    learner = Learner(0.5)

    learner.trial(800, refused=200)

    assert learner.limit.limit == int(0.98 * 600 / 0.5)
    assert learner.limit.cap(10.0) == 588
    assert learner.limit.interval_seconds == pytest.approx(10 / 588)


@pytest.mark.parametrize(("stated", "limit"), [(2_000, 2_000), (1_000, 1_000), (1_500, 1_176), (500, 500)])
def test_unstated_limit_is_at_most_the_stated_one(learner, stated, limit):
    """A raised limit ends the lessons of earlier refusals; any other stated limit is only an upper bound."""
    if stated != 1_000:
        learner.trial(1_600, refused=400)

    learner.limit.take_stated_limit(stated)

    assert learner.limit.limit == limit


def test_unstated_limit_is_not_what_a_refusal_names_when_refusals_are_usual(learner):
    """The limit in refusals that come at any pace does not bound the accepted requests."""
    learner.limit.take_named_limit(167)
    learner.trial(167, refused=8)
    learner.trial(167, refused=8)

    limits = [learner.trial(learner.limit.limit) for _ in range(4)]

    assert limits == [171, 175, 263, 790]


def test_unstated_limit_does_not_lower_a_stated_one_for_refusals_of_few_requests(learner):
    """If a stated limit is not used, its pace is not the cause of refusals."""
    learner.limit.take_stated_limit(1_666)

    assert learner.trial(100, refused=10) == 1_666
