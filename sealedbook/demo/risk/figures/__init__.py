"""The figures of the risk steps: SVG by hand, the same bytes for the same numbers."""
