"""The report: the fleet, and each host's runs, backups, updates and findings over time, as one page. Pure."""
