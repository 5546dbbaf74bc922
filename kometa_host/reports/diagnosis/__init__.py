"""What is wrong with a Kometa host, why, and which command mends it: pure checks of one look at the host."""
