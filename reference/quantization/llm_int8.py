"""LLM.int8(): the solution, known mistakes, other right solutions."""

import torch
from quantization.granularity import quantize_axis
from torch import Tensor

from grader.marks import alternative, mistake


def outlier_columns(X: Tensor, threshold: float) -> Tensor:
    """Dettmers et al. (2022), section 3.2: the set O, as a mask."""
    return (X.flatten(0, -2).abs() > threshold).any(0)


def vector_wise_mm(X: Tensor, W: Tensor) -> Tensor:
    """Section 3.1: the scales of the rows come out of the sum over the columns, as an outer product."""
    Xq, x_scale = quantize_axis(X, 8, 0)  # (M, K), (M, 1)
    Wq, w_scale = quantize_axis(W, 8, 0)  # (N, K), (N, 1)
    sums = Xq.to(torch.int32) @ Wq.to(torch.int32).T
    return sums.to(X.dtype) * (x_scale * w_scale.T)


def llm_int8(X: Tensor, W: Tensor, threshold: float = 6.0, bias: Tensor | None = None) -> Tensor:
    """Equation 8: the columns in O in floats, the others in int8."""
    rows = X.reshape(-1, X.shape[-1])
    O = outlier_columns(rows, threshold)
    y = rows[:, O] @ W[:, O].T
    if not O.all():
        y = y + vector_wise_mm(rows[:, ~O], W[:, ~O])
    if bias is not None:
        y = y + bias
    return y.reshape(*X.shape[:-1], W.shape[0])


# For the mistakes.


def _codes(x, m, rounding=torch.round):
    """Codes, as floats, for the largest magnitude m, and the scale."""
    scale = torch.where(m > 0, m / 127, 1.0)
    return rounding(x / scale).clamp(-128, 127), scale


def _rows(x):
    return x.abs().amax(1, keepdim=True)


def _product(X, W, x_max=None, w_max=None, rounding=torch.round):
    Xq, x_scale = _codes(X, _rows(X) if x_max is None else x_max, rounding)
    Wq, w_scale = _codes(W, _rows(W) if w_max is None else w_max, rounding)
    return ((x_scale * Xq).double() @ (w_scale * Wq).double().T).to(X.dtype)


def _mask(X, threshold):
    return (X.flatten(0, -2).abs() > threshold).any(0)


def _finish(y, X, W, bias):
    y = y if bias is None else y + bias
    return y.reshape(*X.shape[:-1], W.shape[0])


def _parts(X, W, O):
    rows = X.reshape(-1, X.shape[-1])
    return rows, rows[:, O] @ W[:, O].T, (_product(rows[:, ~O], W[:, ~O]) if not O.all() else 0.0)


# Mistakes: the columns.


@mistake(
    "You mark single numbers. An outlier is a column: one large value takes it out for all tokens, as the integer"
    " product can leave out columns and nothing less.",
    of="outlier_columns",
    hint=2,
)
def single_numbers(X, threshold):
    return X.abs() > threshold


@mistake("You mark rows, the tokens. It is columns, the features, that are taken out.", of="outlier_columns", hint=2)
def rows_marked(X, threshold):
    return (X.abs() > threshold).any(-1)


@mistake("The comparison is strict: a value of exactly the threshold makes no outlier.", of="outlier_columns", hint=3)
def at_least(X, threshold):
    return (X.flatten(0, -2).abs() >= threshold).any(0)


@mistake("You compare x, not |x|: outliers below zero, such as -60, are missed.", of="outlier_columns", hint=3)
def positive_only(X, threshold):
    return (X.flatten(0, -2) > threshold).any(0)


@mistake("You ask that all values of a column exceed the threshold. One is enough.", of="outlier_columns", hint=3)
def all_of_them(X, threshold):
    return (X.flatten(0, -2).abs() > threshold).all(0)


@mistake(
    "You compare the mean |x| of a column with the threshold. One large value is enough.", of="outlier_columns", hint=3
)
def mean_of_column(X, threshold):
    return X.flatten(0, -2).abs().mean(0) > threshold


@mistake("You compare the norm of a column. It is single values that are compared.", of="outlier_columns", hint=3)
def norm_of_column(X, threshold):
    return X.flatten(0, -2).norm(dim=0) > threshold


@mistake(
    "You give the numbers of the columns. Asked for is a mask, a bool for each column.", of="outlier_columns", hint=2
)
def indices(X, threshold):
    return (X.flatten(0, -2).abs() > threshold).any(0).nonzero().flatten()


@mistake("You take no notice of `threshold`: it is always 6.", of="outlier_columns", hint=3)
def always_six(X, threshold):
    return (X.flatten(0, -2).abs() > 6.0).any(0)


@mistake(
    "With more leading axes you go over the first only. It is one mask for all tokens.", of="outlier_columns", hint=2
)
def first_axis_only(X, threshold):
    return (X.abs() > threshold).any(0)


@mistake("Your mask is upside down: True is for the outliers.", of="outlier_columns", hint=3)
def upside_down(X, threshold):
    return ~(X.flatten(0, -2).abs() > threshold).any(0)


# Mistakes: the product.


@mistake(
    "X has one scale for all in your product. Each row, a token, has its own: a large token must not spoil the others.",
    of="vector_wise_mm",
    hint=1,
)
def one_scale_for_x(X, W):
    return _product(X, W, x_max=X.abs().max().reshape(1, 1))


@mistake("W has one scale for all in your product. Each row, an output, has its own.", of="vector_wise_mm", hint=1)
def one_scale_for_w(X, W):
    return _product(X, W, w_max=W.abs().max().reshape(1, 1))


@mistake("One scale for all of X and one for all of W: that is not vector-wise. Each row has its own.",
         of="vector_wise_mm", hint=1)  # fmt: skip
def per_tensor(X, W):
    return _product(X, W, X.abs().max().reshape(1, 1), W.abs().max().reshape(1, 1))


@mistake(
    "X has a scale for each column. Such a scale stands inside the sum over the columns and cannot be taken out of an"
    " integer product. It is one for each row.",
    of="vector_wise_mm",
    hint=2,
)
def x_by_columns(X, W):
    return _product(X, W, x_max=X.abs().amax(0, keepdim=True))


@mistake(
    "W has a scale for each column. Such a scale stands inside the sum over the columns and cannot be taken out of an"
    " integer product. It is one for each row of W, an output.",
    of="vector_wise_mm",
    hint=2,
)
def w_by_columns(X, W):
    return _product(X, W, w_max=W.abs().amax(0, keepdim=True))


@mistake("Both have a scale for each column. It is one for each row, of X and of W.", of="vector_wise_mm", hint=2)
def both_by_columns(X, W):
    return _product(X, W, X.abs().amax(0, keepdim=True), W.abs().amax(0, keepdim=True))


@mistake("Your sums are kept in 8 bits and wrap round: a single product needs 16. Keep them in int32.",
         of="vector_wise_mm", hint=3)  # fmt: skip
def sums_in_int8(X, W):
    (Xq, a), (Wq, b) = _codes(X, _rows(X)), _codes(W, _rows(W))
    return (Xq.long() @ Wq.long().T).to(torch.int8).to(X.dtype) * (a * b.T)


@mistake("Your sums are kept in 16 bits and wrap round. Keep them in int32.", of="vector_wise_mm", hint=3)
def sums_in_int16(X, W):
    (Xq, a), (Wq, b) = _codes(X, _rows(X)), _codes(W, _rows(W))
    return (Xq.long() @ Wq.long().T).to(torch.int16).to(X.dtype) * (a * b.T)


@mistake("The scales of W are missing: the sums are multiplied by those of X alone.", of="vector_wise_mm", hint=3)
def scale_of_x_only(X, W):
    return _product(X, W) / _codes(W, _rows(W))[1].T


@mistake("The scales of X are missing: the sums are multiplied by those of W alone.", of="vector_wise_mm", hint=3)
def scale_of_w_only(X, W):
    return _product(X, W) / _codes(X, _rows(X))[1]


@mistake("You give the integer sums. Both scales turn them into real numbers.", of="vector_wise_mm", hint=3)
def sums_only(X, W):
    return (_codes(X, _rows(X))[0] @ _codes(W, _rows(W))[0].T).to(torch.int32)


@mistake("Nothing is quantized in your vector_wise_mm: it is the product in floats.", of="vector_wise_mm", hint=1)
def in_floats(X, W):
    return X @ W.T


@mistake("X is not quantized in your product, only W. Both are codes of 8 bits.", of="vector_wise_mm", hint=1)
def x_in_floats(X, W):
    Wq, b = _codes(W, _rows(W))
    return X @ (b * Wq).T


@mistake("W is not quantized in your product, only X. Both are codes of 8 bits.", of="vector_wise_mm", hint=1)
def w_in_floats(X, W):
    Xq, a = _codes(X, _rows(X))
    return (a * Xq) @ W.T


@mistake("Your codes are cut off, not rounded: a cast to int8 does that.", of="vector_wise_mm", hint=3)
def truncated(X, W):
    return _product(X, W, rounding=torch.trunc)


@mistake("W is not transposed: its rows are the outputs, and y = X Wᵀ.", of="vector_wise_mm", hint=2)
def not_transposed(X, W):
    return X @ W


@mistake("Your product is always float32. It has the dtype of X.", of="vector_wise_mm", hint=4)
def always_float32(X, W):
    return _product(X, W).float()


# Mistakes: the decomposition.


@mistake("The outliers are not taken out: y is all in int8.", of="llm_int8", hint=1)
def not_split(X, W, threshold=6.0, bias=None):
    rows = X.reshape(-1, X.shape[-1])
    return _finish(_product(rows, W), X, W, bias)


@mistake("Nothing is in int8: y is the product in floats.", of="llm_int8", hint=1)
def all_in_floats(X, W, threshold=6.0, bias=None):
    return _finish(X.reshape(-1, X.shape[-1]) @ W.T, X, W, bias)


@mistake(
    "The outliers are in both parts: the integer product still has their columns, and they count twice. Take them out"
    " there.",
    of="llm_int8",
    hint=2,
)
def in_both_parts(X, W, threshold=6.0, bias=None):
    rows, floats, _ = _parts(X, W, _mask(X, threshold))
    return _finish(floats + _product(rows, W), X, W, bias)


@mistake("The part in floats is missing: setting the outliers to 0 ruins the model.", of="llm_int8", hint=3)
def outliers_dropped(X, W, threshold=6.0, bias=None):
    _, floats, codes = _parts(X, W, _mask(X, threshold))
    return _finish(torch.zeros_like(floats) + codes, X, W, bias)


@mistake("The part in int8 is missing: y has the outliers only.", of="llm_int8", hint=3)
def outliers_only(X, W, threshold=6.0, bias=None):
    return _finish(_parts(X, W, _mask(X, threshold))[1], X, W, bias)


@mistake("The parts are exchanged: the outliers are in int8, and all the others in floats.", of="llm_int8", hint=3)
def parts_exchanged(X, W, threshold=6.0, bias=None):
    _, floats, codes = _parts(X, W, ~_mask(X, threshold))
    return _finish(floats + codes, X, W, bias)


@mistake(
    "You quantize all of X and set the outliers' codes to 0 afterwards: the scales still come from them, which was what"
    " had to be avoided. Take the columns out first.",
    of="llm_int8",
    hint=2,
)
def scales_before(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    rows, floats, _ = _parts(X, W, O)
    return _finish(floats + _product(rows * ~O, W * ~O, _rows(rows), _rows(W)), X, W, bias)


@mistake(
    "The scales of X still come from the outliers: its columns are taken out after the scales. W's are right.",
    of="llm_int8",
    hint=2,
)
def x_scales_before(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    rows, floats, _ = _parts(X, W, O)
    return _finish(floats + _product(rows * ~O, W * ~O, _rows(rows)), X, W, bias)


@mistake(
    "The scales of W see the outlier columns, as if W had been quantized beforehand. Here those columns of W are taken"
    " out before its scales.",
    of="llm_int8",
    hint=2,
)
def w_scales_before(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    rows, floats, _ = _parts(X, W, O)
    return _finish(floats + _product(rows * ~O, W * ~O, None, _rows(W)), X, W, bias)


@mistake(
    "You take single large numbers out, not their columns: the other tokens' values in these columns stay in int8. One"
    " large value takes its whole column out.",
    of="llm_int8",
    hint=2,
)
def by_single_numbers(X, W, threshold=6.0, bias=None):
    rows = X.reshape(-1, X.shape[-1])
    large = rows * (rows.abs() > threshold)
    return _finish(large @ W.T + _product(rows - large, W), X, W, bias)


@mistake(
    "You choose the columns by W. Outliers are features of the activations: look for them in X.", of="llm_int8", hint=1
)
def columns_by_w(X, W, threshold=6.0, bias=None):
    _, floats, codes = _parts(X, W, _mask(W, threshold))
    return _finish(floats + codes, X, W, bias)


@mistake(
    "You choose columns by the rows of W: W is (N, K), and what goes with column k of X is *column* k of W.",
    of="llm_int8",
    hint=2,
)
def rows_of_w(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    return _finish(X.reshape(-1, X.shape[-1])[:, O] @ W[O], X, W, bias)


@mistake("The outliers are quantized to int8 too, by themselves. They are multiplied in floats.", of="llm_int8", hint=3)
def outliers_quantized(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    rows, floats, codes = _parts(X, W, O)
    return _finish((_product(rows[:, O], W[:, O]) if O.any() else floats) + codes, X, W, bias)


@mistake("You round the outliers to 16-bit floats. Here that part keeps the dtype of X.", of="llm_int8", hint=3)
def outliers_in_half(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    rows, _, codes = _parts(X, W, O)
    return _finish(rows[:, O].half().to(X.dtype) @ W[:, O].half().to(X.dtype).T + codes, X, W, bias)


@mistake("You fail where all columns are outliers: nothing is left to take a maximum of.", of="llm_int8", hint=4)
def fails_without_rest(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    if O.all():
        raise RuntimeError("amax(): Expected reduction dim 1 to have non-zero size.")
    _, floats, codes = _parts(X, W, O)
    return _finish(floats + codes, X, W, bias)


@mistake("You fail where no column is an outlier: then there is nothing but int8.", of="llm_int8", hint=4)
def fails_without_outliers(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    if not O.any():
        raise RuntimeError("amax(): Expected reduction dim 1 to have non-zero size.")
    _, floats, codes = _parts(X, W, O)
    return _finish(floats + codes, X, W, bias)


@mistake("The bias is missing in your y.", of="llm_int8", hint=3)
def bias_dropped(X, W, threshold=6.0, bias=None):
    _, floats, codes = _parts(X, W, _mask(X, threshold))
    return _finish(floats + codes, X, W, None)


@mistake("The bias is added to both parts, and counts twice.", of="llm_int8", hint=3)
def bias_twice(X, W, threshold=6.0, bias=None):
    _, floats, codes = _parts(X, W, _mask(X, threshold))
    return _finish(floats + codes, X, W, None if bias is None else 2 * bias)


@mistake("Your y has lost the leading axes of X. Its shape is (…, N).", of="llm_int8", hint=2)
def axes_lost(X, W, threshold=6.0, bias=None):
    _, floats, codes = _parts(X, W, _mask(X, threshold))
    return _finish(floats + codes, X, W, bias).reshape(-1, W.shape[0])


@mistake(
    "Each sequence (the first axis of X) has a mask of its own in your code. It is one mask for all tokens.",
    of="llm_int8",
    hint=2,
)
def mask_of_each_sequence(X, W, threshold=6.0, bias=None):
    if X.dim() > 2:
        return torch.stack([mask_of_each_sequence(x, W, threshold, bias) for x in X])
    _, floats, codes = _parts(X, W, _mask(X, threshold))
    return _finish(floats + codes, X, W, bias)


@mistake("The bias is added only where there are outliers. It is added once, in every case.", of="llm_int8", hint=3)
def bias_with_outliers(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    _, floats, codes = _parts(X, W, O)
    return _finish(floats + codes, X, W, bias if O.any() else None)


@mistake("The bias is added only where something is left for int8. It is added once, always.", of="llm_int8", hint=3)
def bias_with_codes(X, W, threshold=6.0, bias=None):
    O = _mask(X, threshold)
    _, floats, codes = _parts(X, W, O)
    return _finish(floats + codes, X, W, None if O.all() else bias)


@mistake(
    "You cut X off at the threshold. The outliers keep their values: they matter most of all.", of="llm_int8", hint=1
)
def clipped(X, W, threshold=6.0, bias=None):
    return _finish(_product(X.reshape(-1, X.shape[-1]).clamp(-threshold, threshold), W), X, W, bias)


@mistake("You take no notice of `threshold` in llm_int8: it is always 6.", of="llm_int8", hint=3)
def always_at_six(X, W, threshold=6.0, bias=None):
    _, floats, codes = _parts(X, W, _mask(X, 6.0))
    return _finish(floats + codes, X, W, bias)


@mistake("Only the column of the largest value is taken out. Each that exceeds the threshold is.",
         of="outlier_columns", hint=3)  # fmt: skip
def largest_column(X, threshold):
    largest = X.flatten(0, -2).abs().amax(0)
    return (largest > threshold) & (largest == largest.max())


@mistake(
    "You compare the root mean square of a column with the threshold. One large value is enough.",
    of="outlier_columns",
    hint=3,
)
def mean_square(X, threshold):
    return X.flatten(0, -2).square().mean(0).sqrt() > threshold


@mistake("Your scales reach 63 codes only: 8 bits, symmetric, go to 127.", of="vector_wise_mm", hint=3)
def seven_bits(X, W):
    (Xq, a), (Wq, b) = quantize_axis(X, 7, 0), quantize_axis(W, 7, 0)
    return (Xq.double() @ Wq.double().T).to(X.dtype) * (a * b.T)


@mistake("Your sums are kept in 16-bit floats, which round integers above 2048. Keep them in int32.",
         of="vector_wise_mm", hint=3)  # fmt: skip
def sums_in_half(X, W):
    (Xq, a), (Wq, b) = _codes(X, _rows(X)), _codes(W, _rows(W))
    return (Xq.double() @ Wq.double().T).half().to(X.dtype) * (a * b.T)


# Other right solutions.


@alternative("a loop over the columns", of="outlier_columns")
def by_loop(X, threshold):
    flat = X.reshape(-1, X.shape[-1])
    return torch.tensor([bool(flat[:, k].abs().max() > threshold) for k in range(flat.shape[1])])


@alternative("the largest magnitude of each column", of="outlier_columns")
def by_largest(X, threshold):
    return torch.linalg.vector_norm(X, torch.inf, dim=list(range(X.dim() - 1))) > threshold


@alternative("the codes in float64, where sums of integers are exact", of="vector_wise_mm")
def in_float64(X, W):
    x_scale = torch.where(_rows(X) > 0, _rows(X) / 127, torch.ones_like(_rows(X)))
    w_scale = torch.where(_rows(W) > 0, _rows(W) / 127, torch.ones_like(_rows(W)))
    sums = torch.round(X / x_scale).double() @ torch.round(W / w_scale).double().T
    return (x_scale.double() * sums * w_scale.double().T).to(X.dtype)


@alternative("einsum of int64", of="vector_wise_mm")
def by_einsum(X, W):
    (Xq, a), (Wq, b) = quantize_axis(X, 8, 0), quantize_axis(W, 8, 0)
    sums = torch.einsum("mk,nk->mn", Xq.long(), Wq.long())
    return torch.einsum("mi,mn,ni->mn", a, sums.to(X.dtype), b)


@alternative("the outliers set to 0 in one copy, all others in another", of="llm_int8")
def by_zeros(X, W, threshold=6.0, bias=None):
    O = outlier_columns(X, threshold).to(X.dtype)
    rows = X.reshape(-1, X.shape[-1])
    y = (rows * O) @ (W * O).T + vector_wise_mm(rows * (1 - O), W * (1 - O))
    y = y if bias is None else y + bias
    return y.reshape(X.shape[:-1] + W.shape[:1])


@alternative("indices, and the bias by addmm", of="llm_int8")
def by_index(X, W, threshold=6.0, bias=None):
    flat = X.flatten(0, -2)
    mask = outlier_columns(X, threshold)
    out, rest = mask.nonzero().flatten(), (~mask).nonzero().flatten()
    y = torch.addmm(X.new_zeros(1) if bias is None else bias, flat.index_select(1, out), W.index_select(1, out).T)
    if len(rest):
        y += vector_wise_mm(flat.index_select(1, rest), W.index_select(1, rest))
    return y.unflatten(0, X.shape[:-1])
