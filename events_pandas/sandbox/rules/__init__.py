"""Intercom's rules for events, its errors and its rate limit: pure, and written from its documentation."""
