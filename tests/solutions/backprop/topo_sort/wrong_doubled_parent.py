"""Wrong: a parent that stands twice is counted once and struck off twice."""
# says: A node that is a parent twice, as in x * x, is counted once

from collections import deque
from collections.abc import Hashable, Mapping, Sequence


def order(root: Hashable, parents: Mapping[Hashable, Sequence[Hashable]]) -> list[Hashable]:
    waiting = {root: 0}  # for each node of the graph: uses that have not been dealt with
    stack = [root]
    while stack:
        for parent in parents.get(stack.pop(), ()):
            if parent not in waiting:
                waiting[parent] = 0
                stack.append(parent)
    for node in list(waiting):
        for parent in set(parents.get(node, ())):
            waiting[parent] += 1

    result = []
    ready = deque([root] if waiting[root] == 0 else [])
    while ready:
        node = ready.popleft()
        result.append(node)
        for parent in parents.get(node, ()):
            waiting[parent] -= 1
            if waiting[parent] == 0:
                ready.append(parent)
    if len(result) < len(waiting):
        raise ValueError("the graph has a cycle")
    return result
