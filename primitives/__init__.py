"""What both sides need: vectors with two backends, generators, transcript, sum tree, formats."""
