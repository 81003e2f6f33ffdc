"""Lists by the longest way from the root, found while counting uses down; what is never counted down is on a cycle."""

from collections import deque


def order(root, parents):
    uses, todo, seen = {}, deque([root]), {root}
    while todo:
        node = todo.popleft()
        for p in parents.get(node, ()):
            uses.setdefault(p, []).append(node)
            if p not in seen:
                seen.add(p)
                todo.append(p)
    left = {node: len(uses.get(node, [])) for node in seen}
    far = {node: 0 for node in seen}
    ready = deque(node for node in seen if left[node] == 0)
    settled = 0
    while ready:
        node = ready.popleft()
        settled += 1
        for p in parents.get(node, ()):
            far[p] = max(far[p], far[node] + 1)
            left[p] -= 1
            if not left[p]:
                ready.append(p)
    if settled != len(seen):
        raise ValueError("cycle")
    return sorted(seen, key=far.get)
