"""What people read: status and diagnosis."""
