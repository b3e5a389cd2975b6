"""tour: a source-reading companion for PyTorch."""

__version__ = "0.1.0"
