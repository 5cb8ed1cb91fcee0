"""The referee: simulated micrographs, judged by networks that others trained on real ones."""
