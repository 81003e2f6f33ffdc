"""Wrong: the usual recursive walk, which deep graphs end."""
# says: Keep a stack of your own


def order(root, parents):
    marks, result = {}, []

    def walk(n):
        if marks.get(n) == "temporary":
            raise ValueError("not a DAG")
        if n in marks:
            return
        marks[n] = "temporary"
        for m in parents.get(n, []):
            walk(m)
        marks[n] = "permanent"
        result.insert(0, n)

    walk(root)
    return result
