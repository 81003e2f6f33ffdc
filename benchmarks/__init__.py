"""What is measured, and against whom: each figure is a ratio taken side by side in one run."""
