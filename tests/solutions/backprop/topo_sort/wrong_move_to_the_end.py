"""Wrong: a node met again is moved to the end of the list, but what comes behind it is not."""
# says: stands before


def order(root, parents):
    if any(n in ps for n, ps in parents.items()) and root in parents.get(root, ()):
        raise ValueError("cycle")
    out, todo = [], [root]
    while todo:
        n = todo.pop(0)
        if n in out:
            out.remove(n)
            out.append(n)
            continue
        out.append(n)
        todo.extend(parents.get(n, ()))
    return out
