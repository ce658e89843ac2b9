"""What Intercom says to an event, and how often it listens: pure rules, written from its documentation."""
