"""What is proved: statements as integer linear rows, and the models that compile to them."""
