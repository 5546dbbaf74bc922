"""A host as it should be, a host as it was found, and the programs that are sent to it."""
