"""What a workspace knows and keeps: contacts, events, and the log of all submissions."""
