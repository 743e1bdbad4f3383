"""What a risk desk does with sealed books, on two small books of its own, with a figure of each step."""
