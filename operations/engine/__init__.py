"""What the operations share: one look, one lock, one way to a host, and refusals instead of tracebacks."""
