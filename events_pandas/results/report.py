"""A check's report as lines of text."""

from collections.abc import Iterator, Sequence

from events_pandas.convert import Cause
from events_pandas.results.report_facts import Fact, told_causes


def report_lines(
    heading: str, *, facts: Sequence[Fact], warnings: Sequence[str] = (), causes: Sequence[Cause] = ()
) -> Iterator[str]:
    """Return a report in lines.

    Parameters
    ----------
    heading : str
        The first line.
    facts : sequence of Fact
        A line each, indented, with the texts below each other.
    warnings : sequence of str
        A line each.
    causes : sequence of Cause
        A line each; notes only as far as there is room for them.

    Yields
    ------
    str
        A line, without its end.

    Examples
    --------
    >>> facts = [Fact(label="contacts", text="2"), Fact(label="event name", text="'placed-order'")]
    >>> for line in report_lines("3 rows", facts=facts):
    ...     print(line)
    3 rows
      contacts    2
      event name  'placed-order'
    """
    yield heading
    width = max((len(fact.label) for fact in facts), default=0)
    for fact in facts:
        yield f"  {fact.label:<{width}}  {fact.text}"
    yield from (f"warning: {warning}" for warning in warnings)
    told, rest = told_causes(causes)
    yield from map(str, told)
    if rest:
        yield rest
