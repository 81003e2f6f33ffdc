"""Style: plain lists and loops, tokens one by one."""

import torch


def rows(x):
    return list(x.unbind(-2))


def order_error(f, x, perm):
    order = perm.tolist()
    before = rows(f(torch.stack([rows(x)[p] for p in order], -2)))
    after = rows(f(x))
    worst = 0.0
    for i, p in enumerate(order):
        for difference in (before[i] - after[p]).reshape(-1).tolist():
            worst = max(worst, abs(difference))
    return worst


def noticed(f, x, tol):
    n = x.size(0)
    table = [[False] * n for _ in range(n)]
    for i in range(n):
        for j in range(i):
            order = list(range(n))
            order[i] = j
            order[j] = i
            table[i][j] = table[j][i] = order_error(f, x, torch.tensor(order)) > tol
    return torch.tensor(table)


def another_order(x):
    words = x.tolist()
    *head, last = words
    for j, word in enumerate(head):
        if word != head[0]:
            head[0], head[j] = head[j], head[0]
            return torch.tensor([*head, last], dtype=x.dtype)
    return None


def with_positions(f, x, P):
    return f(torch.stack([token + P[t] for t, token in enumerate(rows(x))], -2))
