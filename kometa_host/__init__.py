"""What a Kometa host is, as ordinary Python: settings, wanted state, comparison. Nothing in here imports pyinfra but preflight."""
