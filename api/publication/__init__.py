"""Taking bundles from a publisher: staged file by file, verified whole, then published in one transaction."""
