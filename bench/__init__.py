"""Speed and memory: ``python -m bench NAME [--json]`` prints figures, targets and the machine."""
