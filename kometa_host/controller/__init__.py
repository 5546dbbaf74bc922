"""What happens on the controller before pyinfra connects, and the inventory of a host in pull mode."""
