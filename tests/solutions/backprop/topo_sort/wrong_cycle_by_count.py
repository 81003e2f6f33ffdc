"""Wrong: Kahn's way, but parents of nodes outside the root's graph count too, so shared nodes are never ready."""
# says: The example of the statement


def order(root, parents):
    waiting = {}
    for ps in parents.values():
        for p in ps:
            waiting[p] = waiting.get(p, 0) + 1
    waiting[root] = 0
    ready, out = [root], []
    total = {root}
    todo = [root]
    while todo:
        for p in parents.get(todo.pop(), ()):
            if p not in total:
                total.add(p)
                todo.append(p)
    while ready:
        node = ready.pop()
        out.append(node)
        for p in parents.get(node, ()):
            waiting[p] -= 1
            if waiting[p] == 0:
                ready.append(p)
    if len(out) < len(total):
        raise ValueError("cycle")
    return out
