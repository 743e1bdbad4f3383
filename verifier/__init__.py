"""The verifier: accepts, or raises an error that names the failed check. Never imports the prover."""
