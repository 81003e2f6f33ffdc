"""gradlings: learn large language models by building them, graded on every save."""

__version__ = "0.1.0"
