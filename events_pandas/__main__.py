"""Lets ``python -m events_pandas`` do what the command ``events-pandas`` does."""

from events_pandas.cli import main

if __name__ == "__main__":
    main()
