"""A local Intercom: a real server that answers as Intercom does, to try everything on.

The rules are written from Intercom's documentation, apart from the client's own, so that the two can be held against
each other.
"""

try:
    import httptools as _httptools  # noqa: F401  # Looked for, to name the extra when it is not there.
    import jinja2 as _jinja2  # noqa: F401  # Likewise.
    import starlette as _starlette  # noqa: F401  # Likewise.
    import uvicorn as _uvicorn  # noqa: F401  # Likewise.
except ImportError as error:
    raise ImportError('the sandbox needs an extra: pip install "events-pandas[sandbox]"') from error

from events_pandas.sandbox.faults import Faults
from events_pandas.sandbox.rules.events import SandboxEvent
from events_pandas.sandbox.session import Sandbox

__all__ = ["Faults", "Sandbox", "SandboxEvent"]
