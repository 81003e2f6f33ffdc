"""Wrong: an explicit stack, each node appended when it is popped, and the list taken as it is."""
# says: has to wait for all that were computed from it


def order(root, parents):
    visited, out = set(), []
    stack = [root]
    while stack:
        n = stack.pop()
        if n in visited:
            continue
        visited.add(n)
        out.append(n)
        for p in reversed(parents.get(n, [])):
            if p not in visited:
                stack.append(p)
    return out
