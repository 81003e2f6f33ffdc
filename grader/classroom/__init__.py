"""The class server: people, submissions, leaderboard. Grades on engines of its own; needs the extra `classroom`."""
