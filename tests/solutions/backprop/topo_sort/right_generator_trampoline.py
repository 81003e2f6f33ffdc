"""The recursive walk as generators that a loop runs, so that it is deep on the heap and not on the call stack."""


def order(root, parents):
    open_, done, out = set(), set(), []

    def visit(node):
        open_.add(node)
        for p in parents.get(node, ()):
            if p in open_:
                raise ValueError("cycle")
            if p not in done:
                yield visit(p)
        open_.remove(node)
        done.add(node)
        out.append(node)

    calls = [visit(root)]
    while calls:
        try:
            calls.append(next(calls[-1]))
        except StopIteration:
            calls.pop()
    return list(reversed(out))
