"""The terminal app: one screen or widget a file. `grader.tui.app` opens it."""
