"""For course authors: proves a course sound before any learner meets it, and starts new exercises."""
