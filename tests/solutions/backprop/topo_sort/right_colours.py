"""White, grey, black, with a stack on which a grey node waits until it is on top again."""

WHITE, GREY, BLACK = range(3)


def order(root, parents):
    colour = {}
    stack = [root]
    out = []
    while stack:
        node = stack[-1]
        if colour.get(node, WHITE) == WHITE:
            colour[node] = GREY
            for p in parents[node] if node in parents else []:
                c = colour.get(p, WHITE)
                if c == GREY:
                    raise ValueError("there is a cycle through %r" % (p,))
                if c == WHITE:
                    stack.append(p)
        else:
            stack.pop()
            if colour[node] == GREY:
                colour[node] = BLACK
                out.insert(0, node)
    return out
