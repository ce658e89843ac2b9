"""The rate limit that no answer states, as refusals show it. Pure: times come from the answers."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.pace.windows import RefusalStreak

STEPS: Final = (1.02, 1.02, 1.5, 3.0)
"""How much more is tried after each trial in which more was accepted; the last step is repeated."""
CAUTION: Final = 0.98
"""The part of the accepted requests that is the next pace after refusals."""
LEAST_RETREAT: Final = 0.95
"""The largest part of a pace that is kept after a long streak of refusals."""
MOST_USUAL_SHARE: Final = 0.3
"""If a larger part is refused at any pace, the service is overloaded."""
NOTICEABLE_SHARE: Final = 0.01
"""Refusals are expected if more than this part of the requests is refused at any pace."""
WEAK: Final = 20
"""Fewer answers than this say little about a pace, so it is halved at most."""
TELLING: Final = 4
"""So many refusals must be likely in a trial before their absence shows that the lower pace has ended them."""
STRAY: Final = 1
"""So many refusals in ten seconds mean nothing."""
USED_SHARE: Final = 0.7
"""A trial with fewer answers than this part of its limit does not test the limit."""
LONGEST_TRIAL_SECONDS: Final = 30.0
"""A trial whose pace is not used, as when answers ask to wait, lasts so long."""
SAME_SHARE: Final = 0.5
"""Refusals that stay above this part of their share before do not come from the pace."""


@dataclass(kw_only=True, slots=True)
class _PaceTrial:
    """What became of the requests that left at one pace, within ten seconds, or more if the pace was not used."""

    began_at: float
    limit: int
    answered: int = 0
    refused: int = 0
    seconds: float = 0.0

    @property
    def accepted_in_a_window(self) -> float:
        return (self.answered - self.refused) * intercom.WINDOW_SECONDS / self.seconds

    @property
    def refused_share(self) -> float:
        return self.refused / max(self.answered, 1)


class UnstatedLimit:
    """The limit of a server that sends no rate-limit headers, or that has another limit than its headers state.

    A single refusal is evidence, not proof: every ten seconds are a trial of one pace.
    """

    # A trial takes up to thirty seconds if the pace is not used or there are few answers. Only requests that left
    # within a trial count. After refusals, the next pace is the number of accepted requests. If as large a part of
    # the requests is refused then, the pace is not the cause: the run returns to its pace, and so many refusals are
    # usual. After a trial without unusual refusals, a little more is tried. Each success allows a larger step, and a
    # failure returns to the number of accepted requests. A long streak of refusals ends a trial at once.

    def __init__(self, rate_share: float = 1.0) -> None:
        # Requests that a window allows, as far as is known, and the most that is possible.
        self.limit = self._most = intercom.DEFAULT_LIMIT
        self._rate_share = rate_share
        self._accepted_at: deque[float] = deque()
        self._first_at = math.inf
        self._streak = RefusalStreak()
        self._trial: _PaceTrial | None = None
        self._doubted: _PaceTrial | None = None
        self._usual_share = 0.0
        self._steps = 0
        # The pace before the last two steps, and before the last one.
        self._before_steps = (0, 0)
        self._is_settling = False
        # Whether headers have stated a limit.
        self.is_stated = False

    @property
    def is_below_stated(self) -> bool:
        """Whether refusals have shown a smaller limit than the stated one, or than the documented one."""
        return self.limit < self._most

    @property
    def expects_refusals(self) -> bool:
        """Whether some requests are refused at any pace."""
        return self._usual_share > NOTICEABLE_SHARE

    @property
    def interval_seconds(self) -> float:
        """The time between requests that are spread evenly."""
        return intercom.WINDOW_SECONDS / max(self.limit * self._rate_share, 1.0)

    def cap(self, window_seconds: float) -> int:
        """Return the requests that a window of a length allows us, at least 1."""
        return max(int(self.limit * self._rate_share * window_seconds / intercom.WINDOW_SECONDS), 1)

    def take_stated_limit(self, limit: float) -> None:
        """Learn the limit that an answer states, in requests for ten seconds, for everyone."""
        self.is_stated = True
        most = max(int(limit), 1)
        if most > self._most or (most < self._most and self.limit == self._most):
            # A raised limit makes the lessons of earlier refusals worthless.
            self.limit, self._steps, self._trial, self._doubted = most, 0, None, None
        self.limit, self._most = min(self.limit, most), most

    def take_named_limit(self, limit: int) -> None:
        """Learn the limit that the text of a refusal names, in requests for ten seconds, for everyone."""
        if not self.expects_refusals:
            self.limit = min(self.limit, limit)
            self._most = min(self._most, limit)

    def observe(self, observation: Attempt, *, is_unexplained: bool) -> None:
        """Learn from an answer. An unexplained refusal is one for which no stated window gave a reason."""
        if observation.is_trouble and not observation.is_refused:
            return
        if is_unexplained:
            self._count_refusal(observation)
        elif not observation.is_refused:
            self._count_acceptance(observation)
        self._count_in_trial(observation, is_unexplained=is_unexplained)

    def _count_refusal(self, observation: Attempt) -> None:
        was_long = self._streak.is_long
        self._streak.refused(observation.sent_at)
        if self._streak.is_long and not was_long:
            accepted = min(self._accepted(observation.received_at), LEAST_RETREAT * self.limit * self._rate_share)
            self._give_way(accepted, now=observation.received_at)
            self._trial = self._doubted = None

    def _count_acceptance(self, observation: Attempt) -> None:
        self._first_at = min(self._first_at, observation.received_at)
        self._accepted_at.append(observation.received_at)
        self._accepted(observation.received_at)
        self._streak.accepted(observation.sent_at)

    def _accepted(self, now: float) -> int:
        """Count the requests that were accepted in the last ten seconds."""
        while self._accepted_at and self._accepted_at[0] < now - intercom.WINDOW_SECONDS:
            self._accepted_at.popleft()
        return len(self._accepted_at)

    def _give_way(self, accepted: float, *, now: float) -> None:
        """Go on at the pace that was accepted, but not below a pace that is proven."""
        is_weak = accepted < WEAK or now - self._first_at < intercom.WINDOW_SECONDS
        least = self.limit // 2 if is_weak else 1
        if self._steps:
            # Windows that began before a step end in its trial, so the step before it may have been too large as well.
            least, self._steps, self._is_settling = self._before_steps[0], 0, True
        possible = CAUTION * accepted / (1 - self._usual_share) / self._rate_share
        self.limit = max(min(int(possible), self.limit), least, 1)

    def _count_in_trial(self, observation: Attempt, *, is_unexplained: bool) -> None:
        if self._streak.is_long:
            # Requests are refused now because of those sent before.
            return
        trial = self._trial or _PaceTrial(began_at=observation.sent_at, limit=self.limit)
        trial.seconds = observation.sent_at - trial.began_at
        if self._is_over(trial):
            self._judge(trial, observation.received_at)
            trial = _PaceTrial(began_at=observation.received_at, limit=self.limit)
        if observation.sent_at >= trial.began_at:
            trial.answered += 1
            trial.refused += is_unexplained
        self._trial = trial

    def _is_over(self, trial: _PaceTrial) -> bool:
        """Return whether a trial has lasted long enough to show something."""
        if trial.seconds < intercom.WINDOW_SECONDS:
            return False
        is_telling = self._doubted is None or self._doubted.refused_share * trial.answered >= TELLING
        return trial.seconds >= LONGEST_TRIAL_SECONDS or (self._is_used(trial) and is_telling)

    def _judge(self, trial: _PaceTrial, now: float) -> None:
        """Learn from a trial that is over."""
        is_settling, self._is_settling = self._is_settling, False
        if trial.refused <= self._most_usual(trial.answered):
            self._doubted = None
            self._usual_share = min(self._usual_share, 0.7 * self._usual_share + 0.3 * trial.refused_share)
            self._step_up(trial)
        elif is_settling:
            # Windows that began at the earlier pace have ended in this trial.
            pass
        elif self._doubted and self._is_no_better(trial, self._doubted):
            self._usual_share = (trial.refused_share + self._doubted.refused_share) / 2
            # Refusals that come at any pace may name a limit that does not bound the accepted requests.
            self._most = self._most if self.is_stated else intercom.DEFAULT_LIMIT
            self.limit, self._doubted = min(self._doubted.limit, self._most), None
        else:
            self._doubted = trial if trial.refused > STRAY else None
            if self._steps or not self.is_stated or self._is_used(trial):
                self._give_way(trial.accepted_in_a_window, now=now)

    @staticmethod
    def _is_no_better(trial: _PaceTrial, before: _PaceTrial) -> bool:
        """Return whether a lower pace has left the refusals as they were."""
        return SAME_SHARE * before.refused_share <= trial.refused_share <= MOST_USUAL_SHARE

    def _most_usual(self, answers: int) -> float:
        """Return how many refusals are tolerated among `answers`."""
        usual = self._usual_share * answers
        return usual + (1.0 if self._steps else 1.5) * math.sqrt(usual) + (0 if usual or self._steps else STRAY)

    def _step_up(self, trial: _PaceTrial) -> None:
        """Try a little more if the pace was used to the full."""
        if self.limit >= self._most or not self._is_used(trial):
            self._steps = 0
            return
        self._before_steps = (self._before_steps[1] if self._steps else self.limit, self.limit)
        factor = STEPS[min(self._steps, len(STEPS) - 1)]
        self.limit = min(int(self.limit * factor) + 1, self._most)
        self._steps += 1

    def _is_used(self, trial: _PaceTrial) -> bool:
        windows = trial.seconds / intercom.WINDOW_SECONDS
        return trial.answered >= USED_SHARE * trial.limit * self._rate_share * windows
