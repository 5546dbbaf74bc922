"""Changing a host: pyinfra operations, one module for each thing managed, the same names as in facts."""
