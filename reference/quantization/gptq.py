"""GPTQ: the solution, known mistakes, other right solutions."""

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def hessian(X: Tensor, damp: float) -> Tensor:
    """Frantar et al. (2022), section 3.1: H = 2 X Xᵀ (here divided by n); section 3.3: damping."""
    H = 2 / X.shape[0] * X.T @ X
    diagonal = H.diagonal()  # a view
    diagonal[diagonal == 0] = 1
    diagonal += damp * diagonal.mean()
    return H


def inverse_factor(H: Tensor) -> Tensor:
    """Frantar et al. (2022), section 3.3, step 3: row j of U is row j of the inverse over what is left, normalized."""
    return torch.linalg.cholesky(torch.linalg.inv(H), upper=True)


def quantize_block(W: Tensor, U: Tensor, scale: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Frantar et al. (2022), algorithm 1, the inner loop."""
    q_max = 2 ** (bits - 1) - 1
    W, q, E = W.clone(), torch.zeros_like(W), torch.zeros_like(W)
    for j in range(W.shape[1]):
        q[:, j] = torch.round(W[:, j] / scale[:, 0]).clamp(-q_max, q_max)
        E[:, j] = (W[:, j] - scale[:, 0] * q[:, j]) / U[j, j]
        W[:, j:] -= torch.outer(E[:, j], U[j, j:])
    return q.to(torch.int8), E


def gptq(
    W: Tensor, X: Tensor, bits: int, block: int = 128, damp: float = 0.01, act_order: bool = False
) -> tuple[Tensor, Tensor]:
    """Frantar et al. (2022), algorithm 1."""
    K = W.shape[1]
    largest = W.abs().amax(1, keepdim=True)
    scale = torch.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)
    H = hessian(X, damp)
    order = H.diagonal().argsort(descending=True) if act_order else torch.arange(K)
    W, U = W[:, order], inverse_factor(H[order][:, order])
    q = torch.zeros_like(W, dtype=torch.int8)
    for start in range(0, K, block):
        now, rest = slice(start, start + block), slice(start + block, K)
        q[:, now], E = quantize_block(W[:, now], U[now, now], scale, bits)
        W[:, rest] -= E @ U[now, rest]
    return q[:, order.argsort()], scale


# For the mistakes.


def _hessian(X, damp, *, dead=True, factor=2.0, mean=True):
    H = factor * X.T @ X
    H = H / X.shape[0] if mean else H
    if dead:
        H.diagonal()[H.diagonal() == 0] = 1
    return H + damp * H.diagonal().mean() * torch.eye(len(H), dtype=H.dtype)


def _inner(W, U, scale, bits, *, shift=None, error=None, rounding=torch.round, low=None, clamp=True):
    q_max = 2 ** (bits - 1) - 1
    low = -q_max if low is None else -q_max - 1
    W, q, E = W.clone(), torch.zeros_like(W), torch.zeros_like(W)
    for j in range(W.shape[1]):
        code = rounding(W[:, j] / scale[:, 0])
        q[:, j] = code.clamp(low, q_max) if clamp else code
        gap = W[:, j] - scale[:, 0] * q[:, j]
        E[:, j] = gap / U[j, j] if error is None else error(gap, U, j)
        W[:, j + 1 :] -= torch.outer(E[:, j], U[j, j + 1 :]) if shift is None else shift(E[:, j], U, j)
    return q.to(torch.int8), E


def _scales(W, bits):
    largest = W.abs().amax(1, keepdim=True)
    return torch.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)


def _outer(W, X, bits, block, damp, act_order, *, scale=None, order=None, matrices=None, back=None, after=None,
           fresh=None, limit=None):  # fmt: skip
    K = W.shape[1]
    scale = _scales(W, bits) if scale is None else scale
    H = hessian(X, damp)
    descending = H.diagonal().argsort(descending=True) if act_order else torch.arange(K)
    order = descending if order is None or not act_order else order(H)
    U = inverse_factor(H[order][:, order]) if matrices is None else matrices(H, order)
    W, q = W[:, order], torch.zeros_like(W, dtype=torch.int8)
    for start in range(0, K, block):
        now, rest = slice(start, start + block), slice(start + block, K)
        if fresh is not None:
            scale = fresh(W, now, bits)
        if limit is not None and start + block > K and start:
            break
        q[:, now], E = quantize_block(W[:, now], U[now, now], scale, bits)
        W[:, rest] -= E @ U[now, rest] if after is None else after(W, E, U, now, rest)
    return (q[:, order.argsort()] if back is None else back(q, order)), scale


# Mistakes: the Hessian.


@mistake(
    "You sum the products over the tokens and do not divide by their number: H then grows with the calibration data."
    " It is 2/n · Xᵀ X.",
    of="hessian",
    hint=3,
)
def not_divided_by_n(X, damp):
    return _hessian(X, damp, mean=False)


@mistake("The factor 2 is missing: H is the second derivative of a square, 2/n · Xᵀ X.", of="hessian", hint=3)
def no_factor_two(X, damp):
    return _hessian(X, damp, factor=1.0)


@mistake(
    "You divide by the number of inputs K, not by the number of tokens n. The tokens are the rows of X.",
    of="hessian",
    hint=2,
)
def divided_by_columns(X, damp):
    return _hessian(X, damp, factor=2.0 * X.shape[0] / X.shape[1])


@mistake(
    "Your H has a row for every token: X Xᵀ. It has to have a row for every input of the layer, (K, K).",
    of="hessian",
    hint=2,
)
def tokens_by_tokens(X, damp):
    return _hessian(X.T, damp)


@mistake(
    "You subtract the mean input first, as for a covariance. The output's error has no such mean taken out: H is"
    " made of the inputs as they are.",
    of="hessian",
    hint=3,
)
def centred(X, damp):
    return _hessian(X - X.mean(0), damp)


@mistake("H is not damped: `damp` times the mean of the diagonal is added to the diagonal.", of="hessian", hint=3)
def not_damped(X, damp):
    return _hessian(X, 0.0)


@mistake(
    "You add `damp` itself to the diagonal. It is a share: it is multiplied by the mean of the diagonal, so that it"
    " means the same for inputs of any size.",
    of="hessian",
    hint=3,
)
def damped_absolutely(X, damp):
    H = _hessian(X, 0.0)
    return H + damp * torch.eye(len(H), dtype=H.dtype)


@mistake("You add the damping to every entry of H. It goes to the diagonal alone.", of="hessian", hint=3)
def damped_everywhere(X, damp):
    H = _hessian(X, 0.0)
    return H + damp * H.diagonal().mean()


@mistake(
    "You multiply each diagonal entry by 1 + damp: small ones then get hardly any damping. The same number is added to"
    " all, from the mean.",
    of="hessian",
    hint=3,
)
def damped_by_each_entry(X, damp):
    H = _hessian(X, 0.0)
    return H + damp * H.diagonal().diag()


@mistake(
    "The damping is taken from the mean of all of H, not of its diagonal.",
    of="hessian",
    hint=3,
)
def damped_by_mean_of_all(X, damp):
    H = _hessian(X, 0.0)
    return H + damp * H.mean() * torch.eye(len(H), dtype=H.dtype)


@mistake(
    "An input that is 0 for every token keeps 0 in its diagonal entry, and H cannot be inverted (or has the damping"
    " alone). Put a 1 there, before the damping.",
    of="hessian",
    hint=2,
)
def dead_left(X, damp):
    return _hessian(X, damp, dead=False)


@mistake(
    "You look for dead inputs after the damping: then none has a 0 on the diagonal any more. First the ones, then the"
    " damping.",
    of="hessian",
    hint=3,
)
def dead_after_damping(X, damp):
    H = _hessian(X, damp, dead=False)
    H.diagonal()[H.diagonal() == 0] = 1
    return H if damp == 0 else _hessian(X, damp, dead=False)


@mistake(
    "Your λ is worked out before the dead inputs get their 1. The mean is that of the diagonal as it is then, the ones"
    " included.",
    of="hessian",
    hint=3,
)
def mean_before_dead(X, damp):
    H = _hessian(X, 0.0, dead=False)
    extra = damp * H.diagonal().mean()
    H.diagonal()[H.diagonal() == 0] = 1
    return H + extra * torch.eye(len(H), dtype=H.dtype)


# Mistakes: the factor.


@mistake(
    "You factor H itself. What is needed is the factor of its inverse: H says how much errors hurt, H⁻¹ how they"
    " are made up for.",
    of="inverse_factor",
    hint=3,
)
def factor_of_h(H):
    return torch.linalg.cholesky(H, upper=True)


@mistake(
    "Your factor is lower triangular (H⁻¹ = L Lᵀ). Row j would then shift the columns *before* j, which are"
    " done. The upper one is needed, H⁻¹ = Uᵀ U.",
    of="inverse_factor",
    hint=2,
)
def lower_factor(H):
    return torch.linalg.cholesky(torch.linalg.inv(H))


@mistake(
    "You invert the lower factor of H: L⁻¹ is lower triangular as well, and (L⁻¹)ᵀ L⁻¹ = H⁻¹ is the wrong way"
    " round. U has to be upper triangular.",
    of="inverse_factor",
    hint=3,
)
def inverse_of_lower(H):
    return torch.linalg.inv(torch.linalg.cholesky(H))


@mistake(
    "You transpose the inverse of H's lower factor: it is upper triangular, but then U Uᵀ is H⁻¹, not Uᵀ U.",
    of="inverse_factor",
    hint=3,
)
def other_order(H):
    return torch.linalg.inv(torch.linalg.cholesky(H)).T


@mistake(
    "You give H⁻¹ itself. Its rows are right for the first column only; every later column needs the inverse of what is"
    " then left, and the rows of the triangular factor hold just those.",
    of="inverse_factor",
    hint=1,
)
def inverse_itself(H):
    return torch.linalg.inv(H)


@mistake(
    "You cut the upper triangle out of H⁻¹. That is not a factor of it: Uᵀ U has to be H⁻¹.",
    of="inverse_factor",
    hint=3,
)
def upper_part(H):
    return torch.linalg.inv(H).triu()


@mistake(
    "The rows of your factor are divided by their diagonal entries (it is 1 everywhere). Then Uᵀ U is not H⁻¹: keep the"
    " roots on the diagonal.",
    of="inverse_factor",
    hint=3,
)
def unit_diagonal(H):
    U = torch.linalg.cholesky(torch.linalg.inv(H), upper=True)
    return U / U.diagonal()[:, None]


# Mistakes: the loop.


@mistake(
    "The error is not spread: each weight is rounded by itself, to the nearest code. Shift the columns that are left"
    " before you round them, by row j of U (below its diagonal, in column j, U is 0).",
    of="quantize_block",
    hint=1,
)
def not_spread(W, U, scale, bits):
    return _inner(W, U, scale, bits, shift=lambda e, U, j: 0.0)


@mistake(
    "You add the shift where it is to be subtracted: the errors are doubled, not made up for.",
    of="quantize_block",
    hint=3,
)
def added(W, U, scale, bits):
    return _inner(W, U, scale, bits, shift=lambda e, U, j: -torch.outer(e, U[j, j + 1 :]))


@mistake("Your error is ŵ - w. It is w - ŵ, and the shift is subtracted.", of="quantize_block", hint=3)
def error_negated(W, U, scale, bits):
    return _inner(W, U, scale, bits, error=lambda gap, U, j: -gap / U[j, j])


@mistake("The error is not divided by U[j, j].", of="quantize_block", hint=3)
def not_divided(W, U, scale, bits):
    return _inner(W, U, scale, bits, error=lambda gap, U, j: gap)


@mistake(
    "You divide by the square of U[j, j]. That is right for a row of H⁻¹, whose diagonal holds squares; a row of U is"
    " divided by U[j, j] once.",
    of="quantize_block",
    hint=3,
)
def divided_twice(W, U, scale, bits):
    return _inner(W, U, scale, bits, error=lambda gap, U, j: gap / U[j, j] ** 2)


@mistake(
    "Only the next column is shifted. All columns that are left make up for the error, each by its own entry of U.",
    of="quantize_block",
    hint=1,
)
def next_column_only(W, U, scale, bits):
    def shift(e, U, j):
        all_of_them = torch.outer(e, U[j, j + 1 :])
        all_of_them[:, 1:] = 0
        return all_of_them

    return _inner(W, U, scale, bits, shift=shift)


@mistake(
    "The errors that you return are w - ŵ, not divided by U[j, j]. The columns after the block are shifted with"
    " the divided ones.",
    of="quantize_block",
    hint=3,
)
def plain_errors_returned(W, U, scale, bits):
    q, E = _inner(W, U, scale, bits)
    return q, E * U.diagonal()


@mistake(
    "Your errors are measured from the W you were given. They belong to the weights as they are by then, shifted.",
    of="quantize_block",
    hint=3,
)
def errors_from_the_start(W, U, scale, bits):
    q_max = 2 ** (bits - 1) - 1
    now, q, E = W.clone(), torch.zeros_like(W), torch.zeros_like(W)
    for j in range(W.shape[1]):
        q[:, j] = torch.round(now[:, j] / scale[:, 0]).clamp(-q_max, q_max)
        E[:, j] = (W[:, j] - scale[:, 0] * q[:, j]) / U[j, j]
        now[:, j + 1 :] -= torch.outer(E[:, j], U[j, j + 1 :])
    return q.to(torch.int8), E


@mistake(
    "The codes are not clamped. A weight that has been shifted may lie beyond the largest code, though no weight of the"
    " given W does.",
    of="quantize_block",
    hint=4,
)
def not_clamped(W, U, scale, bits):
    return _inner(W, U, scale, bits, clamp=False)


@mistake(
    "You clamp to -2ᵇ⁻¹, one code too low: the codes are symmetric, -q_max … q_max.",
    of="quantize_block",
    hint=4,
)
def one_code_too_low(W, U, scale, bits):
    return _inner(W, U, scale, bits, low=True)


@mistake("You cut the fraction off where it should be rounded.", of="quantize_block", hint=3)
def truncated(W, U, scale, bits):
    return _inner(W, U, scale, bits, rounding=torch.trunc)


@mistake(
    "The error is that of the rounding alone: where a code was clamped, what was cut off is an error too, and is"
    " to be made up for.",
    of="quantize_block",
    hint=4,
)
def clamping_no_error(W, U, scale, bits):
    q_max = 2 ** (bits - 1) - 1
    W, q, E = W.clone(), torch.zeros_like(W), torch.zeros_like(W)
    for j in range(W.shape[1]):
        code = torch.round(W[:, j] / scale[:, 0])
        q[:, j] = code.clamp(-q_max, q_max)
        E[:, j] = (W[:, j] - scale[:, 0] * code) / U[j, j]
        W[:, j + 1 :] -= torch.outer(E[:, j], U[j, j + 1 :])
    return q.to(torch.int8), E


@mistake(
    "You work in the W that you were given and leave it changed: the caller's weights are not yours to shift.",
    of="quantize_block",
    hint=4,
)
def in_place(W, U, scale, bits):
    q, E = _inner(W, U, scale, bits)
    for j in range(W.shape[1]):
        W[:, j:] -= torch.outer(E[:, j], U[j, j:])
    return q, E


# Mistakes: the whole.


@mistake(
    "The columns after a block are not shifted: each block begins with the given weights, and makes up for its"
    " own errors only.",
    of="gptq",
    hint=1,
)
def blocks_apart(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, after=lambda W, E, U, now, rest: 0.0)


@mistake(
    "You add the product for the columns after the block where it is to be subtracted.",
    of="gptq",
    hint=3,
)
def rest_added(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, after=lambda W, E, U, now, rest: -(E @ U[now, rest]))


@mistake(
    "Only the next block is shifted when a block is done. All columns after it are.",
    of="gptq",
    hint=2,
)
def next_block_only(W, X, bits, block=128, damp=0.01, act_order=False):
    def after(W, E, U, now, rest):
        shift = E @ U[now, rest]
        shift[:, block:] = 0
        return shift

    return _outer(W, X, bits, block, damp, act_order, after=after)


@mistake(
    "Each block factors its own part of H: what it then knows of the columns after it is nothing. U is the"
    " factor of the whole inverse, and blocks are cut out of it.",
    of="gptq",
    hint=2,
)
def factor_of_each_block(W, X, bits, block=128, damp=0.01, act_order=False):
    def matrices(H, order):
        H, U = H[order][:, order], torch.zeros_like(H)
        for start in range(0, len(H), block):
            now = slice(start, start + block)
            U[now, now] = inverse_factor(H[now, now])
        return U

    return _outer(W, X, bits, block, damp, act_order, matrices=matrices)


@mistake(
    "You take new scales for each block, from weights that have been shifted already. They are taken once, from"
    " the W you were given; there is one for each row.",
    of="gptq",
    hint=2,
)
def scales_after_update(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, fresh=lambda W, now, bits: _scales(W, bits))


@mistake("There is one scale for all of W. Each row has its own.", of="gptq", hint=2)
def scale_per_tensor(W, X, bits, block=128, damp=0.01, act_order=False):
    one = torch.where(W.abs().max() > 0, W.abs().max() / (2 ** (bits - 1) - 1), 1.0)
    return _outer(W, X, bits, block, damp, act_order, scale=one.expand(W.shape[0], 1).clone())


@mistake("You divide the largest magnitude by 2ᵇ⁻¹. The largest code is 2ᵇ⁻¹ - 1.", of="gptq", hint=3)
def scale_over_power(W, X, bits, block=128, damp=0.01, act_order=False):
    largest = W.abs().amax(1, keepdim=True)
    scale = torch.where(largest > 0, largest / 2 ** (bits - 1), 1.0)
    return _outer(W, X, bits, block, damp, act_order, scale=scale)


@mistake("The scale comes from the largest weight, not the largest magnitude.", of="gptq", hint=3)
def scale_without_abs(W, X, bits, block=128, damp=0.01, act_order=False):
    largest = W.amax(1, keepdim=True)
    scale = torch.where(largest != 0, largest / (2 ** (bits - 1) - 1), 1.0)
    return _outer(W, X, bits, block, damp, act_order, scale=scale)


@mistake("A row of zeros gets the scale 0, and codes 0 / 0. Its scale is 1.", of="gptq", hint=4)
def scale_of_zeros(W, X, bits, block=128, damp=0.01, act_order=False):
    scale = W.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    return _outer(W, X, bits, block, damp, act_order, scale=scale)


@mistake(
    "`act_order` is not used: the columns are visited from left to right in any case.",
    of="gptq",
    hint=2,
)
def order_ignored(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, False)


@mistake(
    "The permutation is not undone: your codes stand in the order in which the columns were visited.",
    of="gptq",
    hint=4,
)
def permutation_left(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, back=lambda q, order: q)


@mistake(
    "You permute the codes a second time the same way. To put them back takes the inverse permutation.",
    of="gptq",
    hint=4,
)
def permuted_twice(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, back=lambda q, order: q[:, order])


@mistake(
    "You visit the smallest diagonal entries of H first. The largest come first, while there is most to make up with.",
    of="gptq",
    hint=2,
)
def smallest_first(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, order=lambda H: H.diagonal().argsort())


@mistake(
    "W is permuted, H is not: its rows and columns then belong to other weights.",
    of="gptq",
    hint=4,
)
def h_not_permuted(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, matrices=lambda H, order: inverse_factor(H))


@mistake(
    "You permute U, the factor, and not H. It is triangular no more: permute H first, then factor.",
    of="gptq",
    hint=4,
)
def factor_permuted(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, matrices=lambda H, order: inverse_factor(H)[order][:, order])


@mistake(
    "Only the rows of H are permuted. Both rows and columns stand for inputs.",
    of="gptq",
    hint=4,
)
def rows_permuted(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, matrices=lambda H, order: inverse_factor(H[order]))


@mistake(
    "The last columns keep the code 0 where `block` does not divide K. The last block is shorter.",
    of="gptq",
    hint=2,
)
def last_block_lost(W, X, bits, block=128, damp=0.01, act_order=False):
    return _outer(W, X, bits, block, damp, act_order, limit=True)


@mistake(
    "You round to the nearest code and never look at X: the output's error is then larger than it has to be.",
    of="gptq",
    hint=1,
)
def nearest(W, X, bits, block=128, damp=0.01, act_order=False):
    scale = _scales(W, bits)
    return torch.round(W / scale).to(torch.int8), scale


# Other right solutions.


@alternative("token by token, entry by entry", of="hessian")
def token_by_token(X, damp):
    n, K = X.shape
    H = X.new_zeros(K, K)
    for x in X:
        H += torch.outer(x, x) * 2 / n
    for j in range(K):
        if H[j, j] == 0:
            H[j, j] = 1.0
    return H + torch.eye(K, dtype=X.dtype) * damp * (H.trace() / K)


@alternative("einsum, and torch.where", of="hessian")
def by_einsum(X, damp):
    H = torch.einsum("ti,tj->ij", X, X) * (2 / len(X))
    H = H + torch.diag((H.diagonal() == 0).to(X.dtype))
    return H + torch.diag(torch.full_like(H.diagonal(), damp) * H.diagonal().mean())


@alternative("eliminating one input after another from the inverse", of="inverse_factor")
def by_elimination(H):
    inverse, U = torch.linalg.inv(H), torch.zeros_like(H)
    for j in range(len(H)):
        U[j, j:] = inverse[j, j:] / inverse[j, j].sqrt()
        inverse = inverse - torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    return U


@alternative("cholesky, cholesky_inverse, cholesky, as in the authors' code", of="inverse_factor")
def by_three_factors(H):
    lower = torch.linalg.cholesky(H)
    return torch.linalg.cholesky(torch.cholesky_inverse(lower)).T


@alternative("row by row, plain loops", of="quantize_block")
def row_by_row(W, U, scale, bits):
    q_max = 2 ** (bits - 1) - 1
    codes, errors = [], []
    for row, s in zip(W.tolist(), scale[:, 0].tolist(), strict=True):
        q, e = [], []
        for j in range(len(row)):
            q.append(max(-q_max, min(q_max, round(row[j] / s))))
            e.append((row[j] - s * q[j]) / float(U[j, j]))
            for k in range(j + 1, len(row)):
                row[k] -= e[j] * float(U[j, k])
        codes.append(q)
        errors.append(e)
    return torch.tensor(codes, dtype=torch.int8), torch.tensor(errors, dtype=W.dtype)


@alternative("no shifting: each column gathers the errors before it", of="quantize_block")
def gathering(W, U, scale, bits):
    q_max = 2 ** (bits - 1) - 1
    codes, E = [], W.new_zeros(W.shape[0], 0)
    for j in range(W.shape[1]):
        w = W[:, j] - E @ U[:j, j]
        codes.append(torch.clamp(torch.round(w / scale.squeeze(1)), -q_max, q_max))
        E = torch.cat([E, ((w - scale.squeeze(1) * codes[-1]) / U[j, j])[:, None]], 1)
    return torch.stack(codes, 1).to(torch.int8), E


@alternative("one block, whatever `block` says", of="gptq")
def in_one_go(W, X, bits, block=128, damp=0.01, act_order=False):
    largest = W.abs().max(1, keepdim=True).values
    scale = torch.where(largest == 0, torch.ones_like(largest), largest / (2 ** (bits - 1) - 1))
    H, q = hessian(X, damp), torch.zeros_like(W, dtype=torch.int8)
    order = sorted(range(W.shape[1]), key=lambda j: -float(H[j, j])) if act_order else list(range(W.shape[1]))
    q[:, order] = quantize_block(W[:, order], inverse_factor(H[order][:, order]), scale, bits)[0]
    return q, scale


# More mistakes.


@mistake(
    "Within a block you shift the later columns by the plain error w - ŵ. They need it divided by U[j, j], as you "
    "return it in E.",
    of="quantize_block",
    hint=3,
)
def shifted_by_plain_error(W, U, scale, bits):
    return _inner(W, U, scale, bits, shift=lambda e, U, j: torch.outer(e * U[j, j], U[j, j + 1 :]))


@mistake(
    "You multiply the shift of the columns after a block by the scale. E is in the units of W already: only codes have "
    "to be scaled.",
    of="gptq",
    hint=3,
)
def rest_scaled(W, X, bits, block=128, damp=0.01, act_order=False):
    scale = _scales(W, bits)
    return _outer(W, X, bits, block, damp, act_order, after=lambda W, E, U, now, rest: E @ U[now, rest] * scale)
