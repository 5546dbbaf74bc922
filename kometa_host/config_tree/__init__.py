"""Kometa's config tree: YAML, checks, redaction, and the merge with what Kometa wrote."""
