"""Intercom's endpoints, except the submission of events: requests that have passed the checks, and their replies."""
