"""Memory that is free goes back to the system: allocators keep it, where small pieces are still in use among it."""

import ctypes
import sys

import pyarrow as pa


def give_back_memory() -> None:
    """Give free memory back to the system, as far as the allocators of Arrow and of C can."""
    pa.default_memory_pool().release_unused()
    # Only the C library of most Linux systems has this; others give back by themselves.
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)
