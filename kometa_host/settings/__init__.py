"""The variables of a host: one check each, every problem at once."""
