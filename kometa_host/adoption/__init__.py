"""An existing Kometa becomes a project: what is taken, what is changed in it, and what goes where."""
