"""# The order of the backward pass

Before a framework can differentiate anything it has to answer a question that has nothing to do with
derivatives: in which order are the operations of the forward pass to be gone through backwards? A language
model's loss is the root of a graph of many thousand nodes. Each holds the result of one operation and knows
its **parents**, the nodes it was directly computed from:

    x ----+-----------+
          v           v          parents = {"y": ["x", "h"],      y = x + h
          h --------> y                     "h": ["x"]}           h = f(x)

In the backward pass each node hands its gradient on to its parents, and it may do so only once, when all of
the gradient is there: after **every** node that was computed from it has had its turn. Above, x gets
something from y and something from h, and h in its turn waits for y. So the only right order is y, h, x. The
order y, x, h would let x pass on half of its gradient: no error, no warning, only a wrong number.

An order in which every node comes before all of its parents is called a **topological order**:

    p is a parent of v   ⟹   position(v) < position(p)

There is one exactly if the graph has no cycle. It can be found in time proportional to nodes plus edges, by
going through the graph depth first, or by counting for each node how many nodes still wait to be dealt with
before it (Kahn 1962). The number of ways through the graph must not matter: sixty residual connections
y = x + f(x) after one another have 2⁶⁰ ways from end to end, but 121 nodes.

## Signature

`order(root, parents)` returns a list. Plain Python; only the standard library is needed.

| name | type | what it is |
|---|---|---|
| `root` | hashable | the node the backward pass begins at: the loss |
| `parents` | dict: node to list or tuple of nodes | the nodes that each one was directly computed from |
| result | list of nodes | every node in the root's graph once, each before all of its parents |

## Conventions and edge cases

- **The root comes first**, the leaves come towards the end. (Many texts and `graphlib` list a graph the other
  way round, parents first. Here the order is that of the backward pass.)
- Where several orders are right, any of them is.
- The graph of the root is the root, its parents, their parents and so on. Other nodes in `parents`, such as
  those of a second loss, are not listed.
- A node without parents is a leaf. It may be missing in `parents`, or have an empty list there. The root may
  be a leaf: then the result is `[root]`.
- A node may be a parent twice, as in `x * x`: then `parents` has `["x", "x"]`. It is listed once.
- Nodes are str, int or tuple, mixed at will: they can be compared by == and kept in a set or a dict, but not be
  sorted. 0 and the empty text are nodes like any other.
- A graph with a **cycle** has no such order: raise a `ValueError`, also where a node is its own parent. Only
  cycles in the graph of the root count; a node that is reached in two ways is no cycle.
- A graph may be **tens of thousands of nodes deep**, as a recurrent network over a long text is. Python gives
  up after about a thousand calls inside one another, so a function that calls itself will not do, and the
  limit is not to be raised: keep a stack or a queue of your own.
- `parents` is only read, and every call stands alone.

## Example

    parents = {"loss": ["p", "q"], "p": ["a"], "q": ["p", "b"], "n": ["a"]}

    order("loss", parents)     ["loss", "q", "p", "a", "b"], or with b anywhere after q; n is not asked for
                               (not "loss", "p", "q", ...: q was computed from p, so p has to wait for it)
    order("p", parents)        ["p", "a"]
    order("a", parents)        ["a"]
    order("x", {"x": ["y"], "y": ["x"]})       ValueError

## Source

Kahn, "Topological sorting of large networks" (Communications of the ACM 5(11), 1962); Tarjan, "Edge-disjoint
spanning trees and depth-first search" (Acta Informatica 6, 1976) for the depth-first way; Baydin, Pearlmutter,
Radul and Siskind, "Automatic differentiation in machine learning: a survey" (JMLR 18, 2018), section 3.2, for
what the order is needed for.
"""

from collections.abc import Hashable, Mapping, Sequence


def order(root: Hashable, parents: Mapping[Hashable, Sequence[Hashable]]) -> list[Hashable]:
    """Every node in the graph of `root` once, each before all of its parents; ValueError if there is a cycle."""
    raise NotImplementedError("list the nodes from the root to the leaves, each when all that need it are listed")


if __name__ == "__main__":
    parents = {"loss": ["p", "q"], "p": ["a"], "q": ["p", "b"], "n": ["a"]}
    print("from the loss:", order("loss", parents))

    # Three residual blocks, x = x + f(x): in the backward pass each f has its turn before its x.
    blocks = {"x1": ["x0", "f(x0)"], "x2": ["x1", "f(x1)"], "x3": ["x2", "f(x2)"]}
    blocks |= {f"f(x{k})": [f"x{k}"] for k in range(3)}
    print("three blocks: ", order("x3", blocks))
