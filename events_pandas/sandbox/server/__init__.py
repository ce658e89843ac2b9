"""The sandbox as a server: requests in, decisions, responses out, and the thread that serves."""
