"""Intercom's endpoints but for the submission of events: requests that were let in, and their answers."""
