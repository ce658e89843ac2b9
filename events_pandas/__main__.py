"""``python -m events_pandas`` is the command ``events-pandas``."""

from events_pandas.cli import main

if __name__ == "__main__":
    main()
