"""The order of the backward pass: a topological sort from the root to the leaves.

A. B. Kahn, "Topological sorting of large networks" (1962): count for each node how many uses it has in the
graph; whoever has no use left that is not yet listed is listed next. Nodes on a cycle wait for one another
and are never listed.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

from grader.marks import alternative, mistake


def order(root: Hashable, parents: Mapping[Hashable, Sequence[Hashable]]) -> list[Hashable]:
    """Every node in the graph of `root` once, each before all of its parents; ValueError if there is a cycle."""
    waiting_for = Counter(p for v in reachable(root, parents) for p in parents.get(v, ()))
    found, ready = [], [root]
    while ready:
        v = ready.pop()
        found.append(v)
        for p in parents.get(v, ()):
            waiting_for[p] -= 1
            if waiting_for[p] == 0:
                ready.append(p)
    # A node on a cycle is never down to zero; if the root is on one it has two turns, and its parents end below zero.
    if any(waiting_for.values()):
        raise ValueError("the graph has a cycle")
    return found


def reachable(root: Hashable, parents: Mapping[Hashable, Sequence[Hashable]]) -> set[Hashable]:
    """The root, its parents, their parents and so on."""
    seen, stack = {root}, [root]
    while stack:
        for p in parents.get(stack.pop(), ()):
            if p not in seen:
                seen.add(p)
                stack.append(p)
    return seen


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("Depth first with a stack of iterators: listed when left, and the list reversed.", of="order")
def depth_first_with_iterators(root, parents):
    finished, open_, path = [], {root}, [(root, iter(parents.get(root, ())))]
    done = set()
    while path:
        v, rest = path[-1]
        for p in rest:
            if p in open_:
                raise ValueError("cycle")
            if p not in done:
                open_.add(p)
                path.append((p, iter(parents.get(p, ()))))
                break
        else:
            path.pop()
            open_.discard(v)
            done.add(v)
            finished.append(v)
    return finished[::-1]


@alternative("Depth first with two visits to each node: the first opens it, the second closes it.", of="order")
def open_and_close(root, parents):
    state, stack, finished = {}, [(root, False)], []
    while stack:
        v, leaving = stack.pop()
        if leaving:
            state[v] = "closed"
            finished.append(v)
        elif v not in state:
            state[v] = "open"
            stack.append((v, True))
            for p in parents.get(v, ()):
                if state.get(p) == "open":
                    raise ValueError(f"{p!r} is computed from itself")
                stack.append((p, False))
    finished.reverse()
    return finished


@alternative("graphlib's own way by hand: round after round, all nodes that no listed node waits for.", of="order")
def in_rounds(root, parents):
    users = {root: set()}
    stack = [root]
    while stack:
        v = stack.pop()
        for p in parents.get(v, []):
            if p not in users:
                users[p] = set()
                stack.append(p)
            users[p].add(v)
    found, layer = [], [root] if not users[root] else []
    while layer:
        found += layer
        following = []
        for v in layer:
            for p in dict.fromkeys(parents.get(v, [])):
                users[p].discard(v)
                if not users[p]:
                    following.append(p)
        layer = following
    if len(found) < len(users):
        raise ValueError("cycle")
    return found


# Mistakes -----------------------------------------------------------------------------------------------------------


@mistake(
    "Your list is the other way round: leaves first, root last. The backward pass begins at the root, so "
    "every node has to stand before its parents.",
    of="order",
    hint=1,
)
def leaves_first(root, parents):
    return _post_order(root, parents)


@mistake(
    "You list a node when you first come to it, depth first. A node that is used in two places is then listed "
    "after one of them and before the other. It has to wait for all that were computed from it.",
    of="order",
    hint=3,
)
def listed_when_met(root, parents):
    _post_order(root, parents)
    found, seen, stack = [], set(), [root]
    while stack:
        v = stack.pop()
        if v not in seen:
            seen.add(v)
            found.append(v)
            stack.extend(reversed(parents.get(v, ())))
    return found


@mistake(
    "You list a node when you take it from your stack for the first time. A node that is used in two places is "
    "then listed after one of them and before the other. It has to wait for all that were computed from it.",
    of="order",
    hint=3,
)
def listed_when_taken(root, parents):
    _post_order(root, parents)
    found, seen, stack = [], set(), [root]
    while stack:
        v = stack.pop()
        if v not in seen:
            seen.add(v)
            found.append(v)
            stack.extend(parents.get(v, ()))
    return found


@mistake(
    "You go level by level, breadth first. A node near the root may also be used further back, and then it "
    "stands before one that was computed from it. The longest way to a node decides, not the shortest.",
    of="order",
    hint=3,
)
def breadth_first(root, parents):
    _post_order(root, parents)
    return _breadth_first(root, parents)


@mistake(
    "You go level by level, breadth first, and that finds no cycles either. A node may stand before one that was "
    "computed from it: the longest way to a node decides, not the shortest.",
    of="order",
    hint=3,
)
def breadth_first_without_cycles(root, parents):
    return _breadth_first(root, parents)


@mistake(
    "You list nodes depth first as you come to them, and a cycle goes unnoticed. A node has to wait for all that "
    "were computed from it; where nodes wait for one another, there is no order.",
    of="order",
    hint=3,
)
def listed_when_met_without_cycles(root, parents):
    found, seen, stack = [], set(), [root]
    while stack:
        v = stack.pop()
        if v not in seen:
            seen.add(v)
            found.append(v)
            stack.extend(reversed(parents.get(v, ())))
    return found


@mistake(
    "Your function calls itself once for every step towards the leaves. Python gives up at about a thousand calls "
    "inside one another, and graphs here are deeper. Keep a stack of your own.",
    of="order",
    hint=4,
)
def recursive(root, parents):
    finished, seen, path = [], set(), set()

    def visit(v):
        if v in path:
            raise ValueError("cycle")
        if v not in seen:
            seen.add(v)
            path.add(v)
            for p in parents.get(v, ()):
                visit(p)
            path.discard(v)
            finished.append(v)

    visit(root)
    return finished[::-1]


@mistake(
    "Your function calls itself once for every step towards the leaves, and notices no cycle. Python gives up at "
    "about a thousand calls inside one another: keep a stack of your own, and tell nodes that are still open from "
    "those that are finished.",
    of="order",
    hint=4,
)
def recursive_without_cycles(root, parents):
    finished, seen = [], set()

    def visit(v):
        if v not in seen:
            seen.add(v)
            for p in parents.get(v, ()):
                visit(p)
            finished.append(v)

    visit(root)
    return finished[::-1]


@mistake(
    "A cycle goes unnoticed: you return a list in which some node stands before one that was computed from it. "
    "There is no right order then, and a ValueError has to say so.",
    of="order",
    hint=2,
)
def cycle_unnoticed(root, parents):
    return _post_order(root, parents, check=False)[::-1]


@mistake(
    "You return what could be listed and leave out the nodes of a cycle, and those behind it. That they are missing "
    "is the sign of a cycle: raise a ValueError.",
    of="order",
    hint=2,
)
def cycle_left_out(root, parents):
    waiting_for = Counter(p for v in reachable(root, parents) for p in parents.get(v, ()))
    return _kahn([root] if root not in waiting_for else [], parents, waiting_for)


@mistake(
    "A node that is its own parent goes unnoticed. That is the shortest cycle there is, and needs a ValueError too.",
    of="order",
    hint=2,
)
def own_parent_unnoticed(root, parents):
    return _right(root, {v: [p for p in ps if p != v] for v, ps in parents.items()})


@mistake(
    "You take a node that is reached a second time for a cycle. It is one only if the way to it is still open: a "
    "node that is used in two places is reached in two ways, which is what all this is about.",
    of="order",
    hint=2,
)
def twice_is_a_cycle(root, parents):
    seen, stack = set(), [root]
    while stack:
        v = stack.pop()
        if v in seen:
            raise ValueError("cycle")
        seen.add(v)
        stack.extend(parents.get(v, ()))
    return _right(root, parents)


@mistake(
    "Nodes are listed once for every way that leads to them. The backward pass visits each once; with sixty "
    "residual connections your list would never end.",
    of="order",
    hint=3,
)
def every_way(root, parents):
    _post_order(root, parents)
    found, stack = [], [root]
    while stack:
        v = stack.pop()
        found.append(v)
        stack.extend(reversed(parents.get(v, ())))
    return found


@mistake(
    "A node that is a parent twice, as in x * x, is counted twice but crossed off once (or the other way round), so "
    "its turn never comes or comes too often.",
    of="order",
    hint=3,
)
def same_parent_twice(root, parents):
    waiting_for = Counter(p for v in reachable(root, parents) for p in parents.get(v, ()))
    found = _kahn([root], {v: tuple(dict.fromkeys(ps)) for v, ps in parents.items()}, waiting_for)
    if any(waiting_for.values()):
        raise ValueError("cycle")
    return found


@mistake(
    "All of `parents` is listed, and not only what the root was computed from. Nodes of another loss have no place "
    "in this backward pass.",
    of="order",
    hint=2,
)
def everything_listed(root, parents):
    first = _right(root, parents)
    nodes = dict.fromkeys([*parents, *(p for ps in parents.values() for p in ps)])
    for v in first:
        nodes.pop(v, None)
    return [*first, *nodes]


@mistake(
    "A cycle among nodes that the root was not computed from ends your function. They are none of its business: look "
    "only at the graph of the root.",
    of="order",
    hint=2,
)
def foreign_cycles(root, parents):
    _right((), {**parents, (): list(parents)})  # () stands for one who was computed from all
    return _right(root, parents)


@mistake(
    "Leaves are left out: a node that has no entry in `parents`, or an empty one, was computed from nothing but still "
    "gets a gradient. Weights are such leaves.",
    of="order",
    hint=2,
)
def leaves_left_out(root, parents):
    return [v for v in _right(root, parents) if parents.get(v)]


@mistake(
    "A node that is missing in `parents` raises a KeyError. It is a leaf, and has no parents.",
    of="order",
    hint=2,
)
def missing_is_an_error(root, parents):
    for v in reachable(root, parents):
        parents[v]
    return _right(root, parents)


@mistake("The root itself is missing from your list. It comes first.", of="order", hint=2)
def root_missing(root, parents):
    return _right(root, parents)[1:]


@mistake(
    "Nodes that Python takes for false, 0 or the empty text, are skipped. They are nodes like any other.",
    of="order",
    hint=2,
)
def false_is_skipped(root, parents):
    return [v for v in _right(root, parents) if v]


@mistake(
    "What you have seen is kept from one call to the next (a mutable default argument, or a global), so the second "
    "call leaves out what the first one listed. Begin each call anew.",
    of="order",
    hint=2,
)
def seen_is_kept(root, parents, seen=set()):  # noqa: B006
    found = [v for v in _right(root, parents) if v not in seen]
    seen.update(found)
    return found


@mistake(
    "The order is right, but you took `parents` apart to get it. The graph is still needed: only read it.",
    of="order",
    hint=4,
)
def takes_the_graph_apart(root, parents):
    found = _right(root, parents)
    for v in found:
        parents.pop(v, None)
    return found


@mistake(
    "You sort nodes where none is before another. They may be texts and numbers mixed, which cannot be sorted; keep "
    "whatever order you find them in.",
    of="order",
    hint=2,
)
def sorted_nodes(root, parents):
    return _right(root, {v: sorted(ps) for v, ps in parents.items()})


def _right(root, parents):
    return _post_order(root, parents)[::-1]


def _kahn(ready, parents, waiting_for):
    found = []
    while ready:
        v = ready.pop()
        found.append(v)
        for p in parents.get(v, ()):
            waiting_for[p] -= 1
            if waiting_for[p] == 0:
                ready.append(p)
    return found


def _breadth_first(root, parents):
    found, seen = [root], {root}
    for v in found:
        for p in parents.get(v, ()):
            if p not in seen:
                seen.add(p)
                found.append(p)
    return found


def _post_order(root, parents, check=True):
    """Depth first, each node listed when it is left."""
    finished, seen, path, stack = [], {root}, {root}, [(root, iter(parents.get(root, ())))]
    while stack:
        v, rest = stack[-1]
        p = next((p for p in rest if p not in seen or (check and p in path)), None)
        if p is None:
            stack.pop()
            path.discard(v)
            finished.append(v)
        elif p in path:
            raise ValueError("cycle")
        else:
            seen.add(p)
            path.add(p)
            stack.append((p, iter(parents.get(p, ()))))
    return finished


@mistake(
    "You also wait for uses by nodes that the root was not computed from. They never have their turn here, so you "
    "see a cycle where there is none. Count the uses inside the root's graph only.",
    of="order",
    hint=2,
)
def counts_other_losses(root, parents):
    return _in_turn(root, parents, Counter(p for ps in parents.values() for p in ps))


@mistake(
    "A node that is a parent twice, as in x * x, is counted once but crossed off twice. It then has its turn before "
    "another node that was computed from it.",
    of="order",
    hint=3,
)
def crossed_off_twice(root, parents):
    return _in_turn(root, parents, Counter(p for v in reachable(root, parents) for p in set(parents.get(v, ()))))


def _in_turn(root, parents, waiting_for):
    """Kahn's algorithm with a queue, whatever the counts are."""
    nodes = reachable(root, parents)
    found = [root] if waiting_for[root] == 0 else []
    for v in found:
        for p in parents.get(v, ()):
            waiting_for[p] -= 1
            if waiting_for[p] == 0:
                found.append(p)
    if len(found) < len(nodes):
        raise ValueError("cycle")
    return found
