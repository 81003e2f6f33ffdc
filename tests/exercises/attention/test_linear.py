"""Hidden suite of attention/linear.

Random inputs are float64 and compared at 1e-9 (relative) + 1e-12 with the table of all weights, made here and divided by the sum
of each row; the other order of the sums differs by about 1e-15. The float32 checks allow 1e-5 + 1e-6, the one with 8,192
tokens 1e-4 + 1e-4, since sums of so many positive numbers in float32 may be off by some 1e-6 of their size for each doubling.
No check is statistical: none fails a right solution by chance.
"""

import math

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_gradients, assert_unchanged, vjp


def randn(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def draw(rng, n_q=3, n_k=5, d_k=4, d_v=2, leading=()):
    return tuple(1.5 * randn(rng, *leading, n, d) for n, d in ((n_q, d_k), (n_k, d_k), (n_k, d_v)))


def features(x):
    return x.relu() + x.clamp(max=0).exp()


def table(Q, K, causal=False):
    """All weights at once, n × n."""
    A = (features(Q)[..., :, None, :] * features(K)[..., None, :, :]).sum(-1)
    A = A.tril() if causal else A
    return A / A.sum(-1, keepdim=True)


def expect(Q, K, V, causal=False):
    return table(Q, K, causal) @ V


def walk(solution, Q, K, V):
    """The results of `step` for one token after another, and the last state."""
    rows, state = [], None
    for i in range(Q.shape[-2]):
        answer = solution.step(state, Q[..., i, :], K[..., i, :], V[..., i, :])
        if not (isinstance(answer, tuple | list) and len(answer) == 2 and isinstance(answer[1], tuple | list)):
            raise Mismatch("step has to return two things: the result, and the state as a tuple (S, z).")
        row, state = answer
        rows.append(row)
    return torch.stack(rows, dim=-2), state


def compare_state(state, K, V, why=""):
    assert_equal(len(state), 2, what="the number of things in the state", why="It is (S, z).")
    assert_close(state[0], features(K).mT @ V, what="S of the state", why=why)
    assert_close(state[1], features(K).sum(-2), what="z of the state", why=why)


def test_by_hand(solution, rng):
    """The example worked out by hand in the statement comes out"""
    low = -math.log(2)
    Q = torch.tensor([[0, 1], [low, low]], dtype=torch.float64)
    K = torch.tensor([[0.0, 0], [4, 0]], dtype=torch.float64)
    V = torch.tensor([[10.0, 0], [0, 20]], dtype=torch.float64)
    mapped = solution.phi(Q)
    plain, causal = solution.parallel(Q, K, V), solution.parallel(Q, K, V, causal=True)
    turned = solution.parallel(Q.flip(-2), K, V.flip(-1), causal=True)
    steps, state = walk(solution, Q, K, V)
    more = draw(rng, n_q=5)
    free = solution.parallel(*more), solution.parallel(*more, causal=True)
    walked, after = walk(solution, *more)
    assert_close(mapped, torch.tensor([[1.0, 2], [0.5, 0.5]], dtype=torch.float64), what="phi(Q) of the statement")
    expected = torch.tensor([[3.0, 14], [2.5, 15]], dtype=torch.float64)
    assert_close(plain, expected, what="the result of the statement")
    expected = torch.tensor([[10.0, 0], [2.5, 15]], dtype=torch.float64)
    assert_close(causal, expected, what="the causal result of the statement")
    assert_close(steps, expected, what="the results of the two steps of the statement")
    compare_state(state, K, V, why="It is the state after the two steps of the statement.")
    # Those are in the statement; these had to be worked out.
    expected = torch.tensor([[0.0, 10], [14, 3]], dtype=torch.float64)
    assert_close(turned, expected, what="the causal result with the queries exchanged and the columns of V reversed")
    assert_close(free[0], expect(*more), what="the result of 5 random tokens")
    assert_close(free[1], expect(*more, True), what="the causal result of 5 random tokens")
    assert_close(walked, expect(*more, True), what="the results of 5 steps")
    compare_state(after, *more[1:], why="It is the state after 5 random tokens.")


def test_phi(solution, rng):
    """φ is x + 1 above zero and exp(x) below, positive and accurate far down"""
    x = 3 * randn(rng, 4, 5)
    assert_close(solution.phi(x), torch.where(x > 0, x + 1, x.exp()), what="phi of random numbers")
    x = torch.tensor([-30.0, -1e-3, 0, 2, -80, 1000, -10])
    expected = torch.where(x > 0, x + 1, x.double().exp().float())
    actual = solution.phi(x)
    assert_close(actual, expected, rtol=1e-5, atol=0.0, what="phi of -30, -0.001, 0, 2, -80, 1000 and -10 in float32")
    x = torch.tensor([[-600.0, -40]], dtype=torch.float64)
    assert_close(solution.phi(x), x.exp(), rtol=1e-9, atol=0.0, what="phi of -600 and -40 in float64")


def test_phi_gradient(solution, rng):
    """The derivative of φ is 1 above zero and at zero, exp(x) below, and no NaN at ±1000"""
    for x in (torch.tensor([0.5, -0.5, 2, -3, 0, 1000, -1000], dtype=torch.float64), randn(rng, 2, 3)):
        G = randn(rng, *x.shape)
        _, actual = vjp(solution.phi, x, cotangent=G, wrt=(0,))
        assert_gradients(
            actual, [G * x.clamp(max=0).exp()], ("x",), why=f"x = {[round(v, 3) for v in x.flatten().tolist()]}."
        )


def test_values(solution, rng):
    """Random inputs of different sizes give the right averages"""
    for sizes in ({}, {"n_q": 6, "n_k": 4, "d_k": 3, "d_v": 5}, {"n_q": 1, "d_k": 1}, {"n_k": 1}):
        Q, K, V = draw(rng, **sizes)
        why = f"Here n_q = {len(Q)}, n_k = {len(K)}, d_k = {Q.shape[1]} and d_v = {V.shape[1]}."
        assert_close(solution.parallel(Q, K, V), expect(Q, K, V), why=why)


def test_causal(solution, rng):
    """With causal=True a token reads itself and what was before it: later tokens change nothing"""
    Q, K, V = draw(rng, n_q=7, n_k=7)
    actual = solution.parallel(Q, K, V, True)
    assert_close(actual[0], V[0], what="the first row of the causal result", why="The first token reads only itself.")
    assert_close(actual, expect(Q, K, V, True), what="the causal result")
    later = [torch.cat([x[:4], 3 * randn(rng, 3, x.shape[1])]) for x in (Q, K, V)]
    changed = solution.parallel(*later, causal=True)
    assert_close(changed[:4], actual[:4], what="the first four rows", why="Only the tokens after them were changed.")
    Q, K, V = draw(rng, n_q=300, n_k=300)
    far = [solution.parallel(Q, K, torch.cat([first, V[1:]]), causal=True) for first in (V[:1], V[:1] + 100)]
    assert (far[0][-1] != far[1][-1]).any(), (
        "The first value of 300 tokens was changed, and the result of the last is just as before. Nothing is forgotten: "
        "sums that are carried on from block to block hold all blocks before."
    )


def test_weights(solution, rng):
    """The weights are positive and sum to one, with and without causal"""
    Q, K, _ = draw(rng, n_q=6, n_k=6)
    for causal in (False, True):
        A = solution.parallel(Q, K, torch.eye(6, dtype=torch.float64), causal=causal)
        why = f"With the identity as V the result is the weights themselves; {causal = }."
        assert_equal(tuple(A.shape), (6, 6), what="the shape of the weights", why=why)
        assert_close(A.sum(-1), torch.ones(6, dtype=torch.float64), what="the sum of each query's weights", why=why)
        assert_close(A, table(Q, K, causal), what="the matrix of weights", why=why)


def test_steps(solution, rng):
    """Token by token comes out what comes out at once, and the state is the sums"""
    for n, leading in ((6, ()), (4, (3,)), (5, (2, 3)), (1, (1,))):
        Q, K, V = draw(rng, n_q=n, n_k=n, leading=leading)
        rows, state = walk(solution, Q, K, V)
        at_once = solution.parallel(Q, K, V, causal=True)
        why = f"The leading axes are {leading}; {n} tokens were read."
        assert_close(rows, expect(Q, K, V, True), what="the results of the steps", why=why)
        assert_close(at_once, expect(Q, K, V, True), what="the causal result of parallel", why=why)
        compare_state(state, K, V, why=why)


def test_state(solution, rng):
    """Two continuations may start from one state, and it has the same size after any number of tokens"""
    Q, K, V = draw(rng, n_q=9, n_k=9)
    _, state = walk(solution, Q[:6], K[:6], V[:6])
    kept = tuple(part.clone() for part in state)
    first, _ = assert_unchanged(solution.step, kept, Q[6], K[6], V[6])
    second, after = solution.step(tuple(part.clone() for part in state), Q[7], K[7], V[7])
    one, other = (torch.cat([torch.arange(6), torch.tensor([i])]) for i in (6, 7))
    why = "Six tokens were read before, and this one continues from there."
    assert_close(first, expect(Q[one], K[one], V[one], True)[-1], what="the result of one continuation", why=why)
    assert_close(second, expect(Q[other], K[other], V[other], True)[-1], what="the result of the other one", why=why)
    assert_equal(
        [tuple(part.shape) for part in after], [(4, 2), (4,)], what="the shapes in the state after seven tokens"
    )


def test_leading_axes(solution, rng):
    """Every index of the leading axes is an attention of its own"""
    for leading in ((1,), (4,), (2, 3)):
        Q, K, V = draw(rng, leading=leading)
        assert_close(solution.parallel(Q, K, V), expect(Q, K, V), why=f"The leading axes are {leading}.")
        Q, K, V = draw(rng, n_q=5, leading=leading)
        actual = solution.parallel(Q, K, V, True)
        assert_close(actual, expect(Q, K, V, True), what="the causal result", why=f"The leading axes are {leading}.")


def test_small_features(solution, rng):
    """Queries and keys far below zero still get weights that sum to one"""
    Q, K, V = draw(rng, n_q=4, n_k=4)
    Q[1], K = Q[1] - 25, K - torch.tensor([[20.0], [22], [30], [21]], dtype=torch.float64)
    for causal in (False, True):
        why = f"All features of the keys are below 1e-7, those of query 1 about 1e-11; {causal = }."
        assert_close(solution.parallel(Q, K, V, causal), expect(Q, K, V, causal), why=why)
        actual = solution.parallel(Q.float(), K.float(), V.float(), causal)
        expected = expect(*(x.float().double() for x in (Q, K, V)), causal).float()
        assert_close(actual, expected, what="the result in float32", why=why)
    rows, _ = walk(solution, Q, K, V)
    assert_close(rows, expect(Q, K, V, True), what="the results of the steps", why="All features are tiny.")


def test_gradients(solution, rng):
    """The gradients of queries, keys and values have the right values"""
    for n_q, causal in ((3, False), (5, True)):
        Q, K, V = draw(rng, n_q=n_q, leading=(2,))
        G = randn(rng, 2, n_q, 2)
        _, actual = vjp(solution.parallel, Q, K, V, causal, cotangent=G, wrt=(0, 1, 2))
        leaves = [x.clone().requires_grad_() for x in (Q, K, V)]
        expected = torch.autograd.grad(expect(*leaves, causal), leaves, G)
        assert_gradients(actual, list(expected), ("Q", "K", "V"), why=f"Here {causal = }.")


def test_inputs_and_dtype(solution, rng):
    """float32 stays float32, and the arguments are neither changed nor asked to be contiguous"""
    Q, K, V = (x.float().mT.contiguous().mT for x in draw(rng, n_q=5, leading=(2,)))
    for causal in (False, True):
        actual = assert_unchanged(solution.parallel, Q, K, V, causal)
        expected = expect(Q.double(), K.double(), V.double(), causal).float()
        assert_close(actual, expected, why=f"Q, K and V are transposed views here; {causal = }.")
    rows, _ = walk(solution, Q, K, V)
    assert_close(
        rows, expect(Q.double(), K.double(), V.double(), True).float(), what="the results of the steps in float32"
    )


def test_long_text(solution, rng):
    """8,192 tokens are read without a table of 8,192 × 8,192"""
    n = 8192
    Q, K, V = (torch.from_numpy(rng.standard_normal((n, d), dtype=np.float32)) for d in (2, 2, 3))
    V = 1 + V.abs()  # averages of one sign: near 0 float32 would keep few digits, and two right orders would part
    q, k, v = features(Q.double()), features(K.double()), V.double()
    S, z = k.mT @ v, k.sum(0)
    actual = solution.parallel(Q, K, V)
    assert_close(actual, ((q @ S) / (q @ z)[:, None]).float(), rtol=1e-4, atol=1e-4, what="the result for 8,192 tokens")
    actual = solution.parallel(Q, K, V, causal=True)
    S, z = (k[:, :, None] * v[:, None, :]).cumsum(0), k.cumsum(0)
    expected = ((q[:, :, None] * S).sum(1) / (q * z).sum(1, keepdim=True)).float()
    assert_close(actual, expected, rtol=1e-4, atol=1e-4, what="the causal result for 8,192 tokens")
