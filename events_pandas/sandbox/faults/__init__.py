"""What goes wrong on demand: the wishes, and the plan that follows them."""
