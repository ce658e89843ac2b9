"""A local Intercom: a real server that answers as Intercom does, to try everything on.

Its rules are written from Intercom's documentation and share no code with the client, so that each can check the other.
"""

try:
    import httptools as _httptools  # noqa: F401  # Imported so that a missing extra is named.
    import jinja2 as _jinja2  # noqa: F401  # The same.
    import starlette as _starlette  # noqa: F401  # The same.
    import uvicorn as _uvicorn  # noqa: F401  # The same.
except ImportError as error:
    raise ImportError('the sandbox needs an extra: pip install "events-pandas[sandbox]"') from error

from events_pandas.sandbox.faults import Faults
from events_pandas.sandbox.rules.events import SandboxEvent
from events_pandas.sandbox.session import Sandbox

__all__ = ["Faults", "Sandbox", "SandboxEvent"]
