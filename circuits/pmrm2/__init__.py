"""PMRM 2, a scenario portfolio margin: in floats, in integers, and as rows (docs/models/pmrm2.md)."""
