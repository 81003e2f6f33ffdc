"""Wrong: the last of the places sorted by score, so the last of equals."""
# says: asked for is the first


def next_token(scores: list[float]) -> int:
    return sorted(range(len(scores)), key=lambda place: scores[place])[-1]
