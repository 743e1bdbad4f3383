"""``sealedbook demo``: the whole way on a made-up book, with an explanation of every step."""
