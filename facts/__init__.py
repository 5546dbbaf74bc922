"""Reading a host: pyinfra facts, each one command that changes nothing, with typed results."""
