"""The hidden suite of backprop/topo_sort.

No expected list is stored where several orders are right: every answer is held against the definition, which is
worked out here from `parents` alone (all nodes of the root's graph, each once, each before its parents). Where a
graph has one order only, which is the case if each node in it is the parent of the one before, the list itself is
compared. Numbers are drawn, but no check fails by chance: every statement holds for every graph.
"""

import pytest

from grader.testing import Mismatch, assert_equal, assert_unchanged


def _graph(root, parents):
    """The nodes that the root was computed from, in some order, the root among them."""
    seen, waiting = {root: None}, [root]
    while waiting:
        for parent in parents.get(waiting.pop(), ()):
            if parent not in seen:
                seen[parent] = None
                waiting.append(parent)
    return list(seen)


def _judge(found, root, parents, about):
    """`found` is an order of the root's graph; `about` says in words which graph that is."""
    if not isinstance(found, list):
        raise Mismatch(f"order has to return a list of nodes; what came {about} is of type {type(found).__name__}.")
    nodes = _graph(root, parents)
    known = set(nodes)
    for node in found:
        if node not in known:
            raise Mismatch(f"{_name(node)} is listed {about}, but {_name(root)} was not computed from it.")
    places = {}
    for place, node in enumerate(found):
        if node in places:
            raise Mismatch(
                f"{_name(node)} is listed {found.count(node)} times {about}; every node has one turn.{_shown(found)}"
            )
        places[node] = place
    for node in nodes:
        if node not in places:
            raise Mismatch(f"{_name(node)} is missing {about}, and the root was computed from it.{_shown(found)}")
    for node in nodes:
        for parent in parents.get(node, ()):
            if places[node] >= places[parent]:
                raise Mismatch(
                    f"{_name(parent)} stands before {_name(node)} {about}, but {_name(node)} was computed from it and "
                    f"still has something to hand on to it.{_shown(found)}"
                )


def _name(node):
    return repr(node)[:40]


def _shown(found):
    return f" Your list: {found!r}." if len(found) <= 12 else ""


def _blocks(count, crossed=False):
    """`count` residual blocks x = x + f(x), one after the other, and their only order, the last x first."""
    parents, only = {}, [f"x{count}"]
    for k in range(count, 0, -1):
        pair = [f"x{k - 1}", f"f{k - 1}"]
        parents[f"x{k}"] = pair[::-1] if crossed else pair
        parents[f"f{k - 1}"] = [f"x{k - 1}"]
        only += [f"f{k - 1}", f"x{k - 1}"]
    return parents, only


def test_residual_blocks(solution):
    """Residual blocks: a node waits for all that were computed from it"""
    cases = [_blocks(count, crossed) for count in (1, 3) for crossed in (False, True)]
    # A node is used near the root and once more far behind, in either place among the parents.
    cases += [
        ({"y": ["x", "c"], "c": ["b"], "b": ["a"], "a": ["x"]}, ["y", "c", "b", "a", "x"]),
        ({"y": ["c", "x"], "c": ["b"], "b": ["a"], "a": ["x"]}, ["y", "c", "b", "a", "x"]),
        ({"d": ["b", "c", "a"], "c": ["a", "b"], "b": ["a", "a"]}, ["d", "c", "b", "a"]),
    ]
    found = [solution.order(only[0], parents) for parents, only in cases]
    for (parents, only), mine in zip(cases, found, strict=True):
        about = f"with parents = {parents}"
        _judge(mine, only[0], parents, about)
        assert_equal(mine, only, what=f"the order {about}")


def test_worked_example(solution):
    """The example of the statement"""
    parents = {"loss": ["p", "q"], "p": ["a"], "q": ["p", "b"], "n": ["a"]}
    found = []
    for root in ("loss", "p", "a"):
        try:
            found.append(solution.order(root, parents))
        except ValueError as error:
            raise Mismatch(
                f"For the root {root!r} of the example order raised a ValueError ({error}), but no node of its graph "
                "is computed from itself. n is not in that graph: that it uses a has no say."
            ) from None
    for root, mine in zip(("loss", "p", "a"), found, strict=True):
        _judge(mine, root, parents, f"for the root {root!r} of the example")
    with pytest.raises(ValueError):
        _no_order(solution.order("x", {"x": ["y"], "y": ["x"]}), "x and y are computed from each other")


def _no_order(found, why):
    raise Mismatch(f"order returned {str(found)[:120]}, but there is no order: {why}. A ValueError has to say so.")


def test_random_graphs(solution, rng):
    """Random graphs with shared nodes, from several roots"""
    cases = []
    for _ in range(6):
        size = int(rng.integers(8, 15))
        names = [f"n{k}" for k in rng.permutation(size)]
        parents = {}
        for k in rng.permutation(size - 1):
            # Node k was computed from later ones only, so there is no cycle; near ones rather than far ones.
            steps = rng.integers(1, 5, size=int(rng.integers(1, 4)))
            parents[names[k]] = [names[min(k + step, size - 1)] for step in steps.tolist()]
        cases += [(names[0], parents), (names[size // 2], parents)]
    found = [solution.order(root, parents) for root, parents in cases]
    for (root, parents), mine in zip(cases, found, strict=True):
        _judge(mine, root, parents, f"for the root {root!r} of parents = {parents}")


def test_leaves(solution):
    """Leaves are listed, whether they have an empty entry or none; a root may be a leaf"""
    cases = [
        ("y", {"y": ["w", "x"], "w": [], "x": ()}),
        ("y", {"y": ("x", "w"), "x": ["w"]}),
        ("y", {"y": []}),
        ("y", {}),
        ("w", {"y": ["w"], "v": ["y"]}),
    ]
    found = [solution.order(root, parents) for root, parents in cases]
    for (root, parents), mine in zip(cases, found, strict=True):
        _judge(mine, root, parents, f"for the root {root!r} of parents = {parents}")


def test_same_parent_twice(solution):
    """A node that is a parent twice, as in x * x, has one turn"""
    cases = [("y", {"y": ["x", "x"]}), ("y", {"y": ["h", "h", "x"], "h": ["x", "x"], "x": ["w", "w"]})]
    # One user of x has it twice, another one has its turn later.
    late = {"u": ["x", "x"], "w": ["v"], "v": ["t"], "t": ["x"]}
    cases += [("y", {"y": ["u", "w"], **late}), ("y", {"y": ["w", "u"], **late})]
    found = [solution.order(root, parents) for root, parents in cases]
    for (root, parents), mine in zip(cases, found, strict=True):
        _judge(mine, root, parents, f"with parents = {parents}")


def test_only_the_root_s_graph(solution):
    """Nodes that the root was not computed from are left out, and their cycles do not matter"""
    parents = {"other": ["y", "v"], "y": ["h", "x"], "h": ["x"], "v": ["x", "w"]}
    parents |= {"p": ["q"], "q": ["p", "x"], "s": ["s"]}
    found = [solution.order(root, parents) for root in ("y", "other", "h")]
    for root, mine in zip(("y", "other", "h"), found, strict=True):
        _judge(mine, root, parents, f"for the root {root!r} of parents = {parents}")


def test_any_hashable(solution):
    """Nodes may be texts, numbers and tuples, 0 and the empty text too"""
    parents = {
        ("loss", 1): [0, "", ("h", 0)],
        0: ["", -1, ("w",)],
        "": [("h", 0), 7],
        ("h", 0): ["x", ("w",), 2.5],
        2.5: ["x"],
    }
    found = [solution.order(root, parents) for root in (("loss", 1), 0, "")]
    for root, mine in zip((("loss", 1), 0, ""), found, strict=True):
        _judge(mine, root, parents, f"for the root {root!r} of parents = {parents}")


def test_cycles(solution):
    """A cycle in the root's graph raises a ValueError, whatever its length and place"""
    cases = [
        ("a", {"a": ["b"], "b": ["c"], "c": ["a"]}, "a, b and c are computed from one another"),
        ("a", {"a": ["b", "e"], "b": ["c"], "c": ["d"], "d": ["b"]}, "b, c and d are computed from one another"),
        ("a", {"a": ["b", "c"], "b": ["x"], "c": ["b", "d"], "d": ["x", "c"]}, "c and d are computed from each other"),
        ("a", {"a": ["x", "a"]}, "a is computed from itself"),
        ("a", {"a": ["b"], "b": ["x", "b"], "x": []}, "b is computed from itself"),
    ]
    for root, parents, why in cases:
        with pytest.raises(ValueError):
            _no_order(solution.order(root, parents), f"with parents = {parents}, {why}")


def test_no_false_alarm(solution):
    """Being reached in two ways is no cycle"""
    parents = {"y": ["a", "b", "c"], "a": ["x", "b"], "b": ["x"], "c": ["x", "a"], "x": ["w"]}
    found = solution.order("y", parents)
    _judge(found, "y", parents, f"with parents = {parents}")


def test_many_ways(solution):
    """Sixty residual blocks take no longer than their 121 nodes"""
    # The short stack first: code that goes every way fails there, before the long one keeps it busy for ever.
    for count in (5, 60):
        parents, only = _blocks(count, crossed=count == 60)
        mine = solution.order(only[0], parents)
        _judge(mine, only[0], parents, f"for {count} residual blocks")
        assert_equal(mine, only, what=f"the order of {count} residual blocks")


def test_deep(solution):
    """A graph of twelve thousand nodes in a row"""
    depth = 12_000
    parents = {k: [k - 1] for k in range(1, depth)}
    parents[depth] = [depth - 1, 0]
    mine = solution.order(depth, parents)
    _judge(mine, depth, parents, f"for a chain of {depth} nodes")
    in_a_row = {k: [k + 1] for k in range(depth)}
    in_a_row[depth] = [depth // 2]
    with pytest.raises(ValueError):
        _no_order(solution.order(0, in_a_row), "the last node of a long chain was computed from one in its middle")


def test_graph_is_only_read(solution):
    """`parents` is as it was afterwards, and a second call gives the same"""
    parents = {"y": ["h", "x"], "h": ["x", "w"], "v": ["x"]}
    first = assert_unchanged(solution.order, "y", parents)
    second = solution.order("y", parents)
    third = solution.order("h", parents)
    _judge(first, "y", parents, f"with parents = {parents}")
    _judge(second, "y", parents, "in a second call with the same arguments")
    _judge(third, "h", parents, "in a third call, for the root 'h'")
