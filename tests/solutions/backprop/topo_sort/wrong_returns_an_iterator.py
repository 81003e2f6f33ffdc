"""Wrong: hands back the reversed iterator and not a list."""
# says: has to return a list of nodes


def order(root, parents):
    state, stack, out = {}, [(root, 0)], []
    while stack:
        n, leaving = stack.pop()
        if leaving:
            state[n] = 2
            out.append(n)
        elif n not in state:
            state[n] = 1
            stack.append((n, 1))
            for p in parents.get(n, ()):
                if state.get(p) == 1:
                    raise ValueError
                stack.append((p, 0))
    return reversed(out)
