"""What a Kometa host is, as ordinary Python: settings, wanted state, comparison. Only preflight imports pyinfra."""
