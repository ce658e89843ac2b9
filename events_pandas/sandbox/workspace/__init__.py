"""A workspace: contacts, events, and the log of all submissions, in a database."""
