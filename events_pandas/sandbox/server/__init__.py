"""The sandbox on a socket: who is let in, what is answered, and how it goes out."""
