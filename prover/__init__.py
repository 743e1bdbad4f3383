"""The prover: from a book to commitments, proofs and bundles. The only package that sees secrets."""
