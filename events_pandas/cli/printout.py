"""What one command prints: text for people, or one JSON document for programs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events_pandas.cli.output import say, write_document


@dataclass(slots=True, kw_only=True)
class Printout:
    """The output of a command. With `as_json` standard output has one document, and texts go to standard error."""

    command: str = ""
    as_json: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    # Where the values of options come from that are not on the command line.
    origins: Mapping[str, str] = field(default_factory=dict)
    # Whether an event went out: no error may say otherwise by its exit code.
    has_sent: bool = False
    _is_closed: bool = False

    def say(self, text: str = "") -> None:
        """Print text for people."""
        say(text, is_error=self.as_json)

    def fail(self, line: str) -> None:
        """Print the line of an error, and keep it for the document; a wrong option is named by its origin."""
        option, *reason = line.split(": ", 1)
        line = ": ".join([self.origins.get(option, option), *reason])
        say(f"error: {line}", is_error=True)
        self.errors.append(line)

    def add(self, **facts: Any) -> None:
        """Add facts to the document."""
        self.facts.update(facts)

    def close(self, exit_code: int) -> None:
        """Print the document, if there is one; a second one is never printed."""
        if self.as_json and not self._is_closed:
            self._is_closed = True
            document = {"command": self.command, "exit_code": exit_code, "errors": self.errors, **self.facts}
            write_document(json.dumps(document, indent=2, allow_nan=False))
