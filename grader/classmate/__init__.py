"""The learner's side of a class: the membership kept in the workspace, what waits to be handed in, the way to the server."""
