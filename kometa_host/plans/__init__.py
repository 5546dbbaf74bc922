"""Desired and observed state in, what to do or why not out: one module for each operation, of the same name."""
