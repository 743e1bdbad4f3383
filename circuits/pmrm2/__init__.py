"""PMRM 2, a scenario portfolio margin: its definition in floats (docs/models/pmrm2.md)."""
