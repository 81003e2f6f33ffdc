"""Matrix multiplication in int8: the solution, known mistakes, other right solutions."""

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    """Jacob et al. (2017), equation 9: the raw product of the codes, accumulated in int32."""
    return xq.to(torch.int32) @ wq.to(torch.int32).T


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    """Jacob et al. (2017), equation 7: K Z₁ Z₂ - Z₁ Σ q₂ - Z₂ Σ q₁."""
    K = xq.shape[1]
    x_sums = xq.sum(1, dtype=torch.int32)[:, None]  # a column: one for each m
    w_sums = wq.sum(1, dtype=torch.int32)[None, :]  # a row: one for each n
    Z2 = torch.zeros_like(w_sums) if w_zp is None else w_zp[None, :]
    return K * x_zp * Z2 - x_zp * w_sums - Z2 * x_sums


def int8_mm(
    xq: Tensor,
    x_scale: Tensor,
    x_zp: Tensor,
    wq: Tensor,
    w_scale: Tensor,
    w_zp: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Jacob et al. (2017), equation 4, with real outputs: S₁ S₂ times the integer accumulator, plus the bias."""
    acc = int_mm(xq, wq) + zero_point_terms(xq, x_zp, wq, w_zp)
    y = acc.to(torch.float32) * (x_scale * w_scale)
    return y if bias is None else y + bias


# For the mistakes.


def _terms(xq, x_zp, wq, w_zp):
    """K, Z₁, Z₂, Σ q₁ and Σ q₂, shaped to broadcast to (M, N)."""
    Z2 = torch.zeros(wq.shape[0], dtype=torch.int32) if w_zp is None else w_zp
    x_sums, w_sums = xq.sum(1, dtype=torch.int32), wq.sum(1, dtype=torch.int32)
    return xq.shape[1], x_zp, Z2[None, :], x_sums[:, None], w_sums[None, :]


def _exact(xq, wq):
    return xq.to(torch.int32) @ wq.to(torch.int32).T


def _acc(xq, x_zp, wq, w_zp):
    return int_mm(xq, wq) + zero_point_terms(xq, x_zp, wq, w_zp)


# Mistakes: the raw product.


@mistake(
    "Your accumulator is int8: the sums wrap round at 127, where a single product may be 32,640 already."
    " Convert the codes to int32 before they are multiplied, not the result after.",
    of="int_mm",
    hint=1,
)
def accumulates_in_int8(xq, wq):
    return _exact(xq, wq).to(torch.int8).to(torch.int32)


@mistake(
    "Your product is int8: multiplied, summed and returned in the dtype of the codes, where everything "
    "wraps round at 127. Convert the codes to int32 first.",
    of="int_mm",
    hint=1,
)
def product_in_int8(xq, wq):
    return _exact(xq, wq).to(torch.int8)


@mistake(
    "Your accumulator is int16. One product of two codes fits, a sum of thousands does not: it wraps "
    "round at 32,767.",
    of="int_mm",
    hint=1,
)
def accumulates_in_int16(xq, wq):
    return _exact(xq, wq).to(torch.int16).to(torch.int32)


@mistake(
    "Your accumulator is a float32, which holds whole numbers exactly only up to 2²⁴: long sums of large"
    " codes come out a little off. Integers are exact.",
    of="int_mm",
    hint=1,
)
def accumulates_in_float32(xq, wq):
    return (xq.float() @ wq.float().T).to(torch.int32)


@mistake(
    "You convert the uint8 codes to int8: those above 127 become negative (200 becomes -56). Go to int32"
    " at once.",
    of="int_mm",
    hint=2,
)
def uint8_read_as_int8(xq, wq):
    return _exact(xq.to(torch.int8), wq)


@mistake(
    "You convert the int8 codes of the weights to uint8: the negative ones become large (-1 becomes "
    "255). Go to int32 at once.",
    of="int_mm",
    hint=2,
)
def int8_read_as_uint8(xq, wq):
    return _exact(xq, wq.to(torch.uint8))


@mistake(
    "Your weights are not transposed: you multiply xq by wq as if it were (K, N). It is (N, K), a row "
    "per output.",
    of="int_mm",
    hint=2,
)
def weights_not_transposed(xq, wq):
    return xq.to(torch.int32) @ wq.to(torch.int32)


@mistake(
    "Your raw product comes in int64 (or another dtype than int32). The numbers may be right; "
    "accumulators of 64 bits are what integer kernels avoid, and the statement asks for int32.",
    of="int_mm",
    hint=2,
)
def product_in_int64(xq, wq):
    return xq.to(torch.int64) @ wq.to(torch.int64).T


@mistake(
    "Your raw product comes in a float dtype. The numbers may be right, but it is a count of units: "
    "int32.",
    of="int_mm",
    hint=2,
)
def product_in_float32(xq, wq):
    return xq.float() @ wq.float().T


# Mistakes: the terms of the zero points.


@mistake(
    "The zero-point cross term is missing: + K · x_zp · w_zp. Subtracting x_zp · Σ w and w_zp · Σ x "
    "takes it away twice, so it is added back once.",
    of="zero_point_terms",
    hint=3,
)
def cross_term_missing(xq, x_zp, wq, w_zp):
    _, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return -Z1 * w_sums - Z2 * x_sums


@mistake(
    "The zero-point cross term has the wrong sign: minus times minus is plus, + K · x_zp · w_zp.",
    of="zero_point_terms",
    hint=3,
)
def cross_term_subtracted(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return -K * Z1 * Z2 - Z1 * w_sums - Z2 * x_sums


@mistake(
    "The zero-point cross term lacks its K: x_zp · w_zp is there for each of the K products of the sum.",
    of="zero_point_terms",
    hint=3,
)
def cross_term_once(xq, x_zp, wq, w_zp):
    _, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return Z1 * Z2 - Z1 * w_sums - Z2 * x_sums


@mistake(
    "The zero-point cross term has the wrong count: K is the length of the sum, the number of columns of"
    " xq, not of its rows.",
    of="zero_point_terms",
    hint=2,
)
def cross_term_times_rows(xq, x_zp, wq, w_zp):
    _, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return xq.shape[0] * Z1 * Z2 - Z1 * w_sums - Z2 * x_sums


@mistake(
    "The term of the inputs' zero point is missing: - x_zp · Σₖ wq[n, k].",
    of="zero_point_terms",
    hint=3,
)
def x_term_missing(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, _ = _terms(xq, x_zp, wq, w_zp)
    return K * Z1 * Z2 - Z2 * x_sums


@mistake(
    "The term of the weights' zero points is missing: - w_zp[n] · Σₖ xq[m, k].",
    of="zero_point_terms",
    hint=3,
)
def w_term_missing(xq, x_zp, wq, w_zp):
    K, Z1, Z2, _, w_sums = _terms(xq, x_zp, wq, w_zp)
    return K * Z1 * Z2 - Z1 * w_sums + torch.zeros_like(xq[:, :1], dtype=torch.int32)


@mistake(
    "You take no notice of `w_zp`: only x_zp · Σ w is subtracted. The weights have zero points too, and "
    "both of their terms are missing.",
    of="zero_point_terms",
    hint=3,
)
def w_zero_points_ignored(xq, x_zp, wq, w_zp):
    _, Z1, _, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return -Z1 * w_sums + torch.zeros_like(x_sums)


@mistake(
    "The sums are exchanged: each zero point multiplies the sum of the *other* side's codes, x_zp · Σ wq"
    " and w_zp · Σ xq.",
    of="zero_point_terms",
    hint=3,
)
def sums_exchanged(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return K * Z1 * Z2 - Z1 * x_sums - Z2 * w_sums


@mistake(
    "Your terms have the opposite signs. The statement wants what is *added* to the raw product: -x_zp ·"
    " Σ wq, -w_zp · Σ xq, and + K · x_zp · w_zp.",
    of="zero_point_terms",
    hint=3,
)
def signs_inverted(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return Z1 * w_sums + Z2 * x_sums - K * Z1 * Z2


@mistake(
    "Your sums of codes are kept in 8 bits and wrap round. Sum in int32: `sum(..., dtype=torch.int32)`.",
    of="zero_point_terms",
    hint=4,
)
def sums_in_8_bits(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    x_sums, w_sums = x_sums.to(torch.uint8).to(torch.int32), w_sums.to(torch.int8).to(torch.int32)
    return K * Z1 * Z2 - Z1 * w_sums - Z2 * x_sums


@mistake(
    "Your terms come in int64: `torch.sum` of integers answers so unless it is given "
    "`dtype=torch.int32`. The numbers are right, the statement asks for int32.",
    of="zero_point_terms",
    hint=4,
)
def terms_in_int64(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return (K * Z1 * Z2 - Z1 * w_sums - Z2 * x_sums).to(torch.int64)


@mistake(
    "You fail where the weights have no zero points: `w_zp` may be None, which means that all of them "
    "are 0.",
    of="zero_point_terms",
    hint=2,
)
def w_zp_needed(xq, x_zp, wq, w_zp):
    K, Z1, _, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    return K * Z1 * w_zp[None, :] - Z1 * w_sums - w_zp[None, :] * x_sums


# Mistakes: back to real numbers.


@mistake(
    "You leave the zero points out: the raw product of the codes is scaled as if 0 were the code of 0. "
    "Add the zero-point terms first.",
    of="int8_mm",
    hint=1,
)
def zero_points_left_out(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = int_mm(xq, wq).to(torch.float32) * (x_scale * w_scale)
    return y if bias is None else y + bias


@mistake(
    "`int8_mm` does not hand `w_zp` on: it computes as if the weights were symmetric.",
    of="int8_mm",
    hint=4,
)
def w_zp_not_used(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, None).to(torch.float32) * (x_scale * w_scale)
    return y if bias is None else y + bias


@mistake(
    "Scale of one side only: you multiply by `w_scale` and forget `x_scale`. The product of two codes "
    "counts units of x_scale · w_scale.",
    of="int8_mm",
    hint=3,
)
def x_scale_missing(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * w_scale
    return y if bias is None else y + bias


@mistake(
    "Scale of one side only: you multiply by `x_scale` and forget `w_scale`. The product of two codes "
    "counts units of x_scale · w_scale.",
    of="int8_mm",
    hint=3,
)
def w_scale_missing(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * x_scale
    return y if bias is None else y + bias


@mistake(
    "You divide by the scales. A code counts steps of one scale, so the real number is the scale times "
    "it.",
    of="int8_mm",
    hint=3,
)
def divides_by_scales(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) / (x_scale * w_scale)
    return y if bias is None else y + bias


@mistake(
    "You use one weight scale for all outputs. There is one per row of wq: w_scale[n] for column n of "
    "the result.",
    of="int8_mm",
    hint=2,
)
def one_scale_for_all(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale[0])
    return y if bias is None else y + bias


@mistake(
    "Your weight scales are spread over the rows of the result (`w_scale[:, None]`). They belong to the "
    "outputs, which are its columns.",
    of="int8_mm",
    hint=2,
)
def scale_over_rows(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale[:, None])
    return y if bias is None else y + bias


@mistake(
    "The bias is scaled: you add it to the accumulator before the scales are multiplied in. It is a real"
    " number already and is added last.",
    of="int8_mm",
    hint=4,
)
def bias_scaled(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    acc = _acc(xq, x_zp, wq, w_zp).to(torch.float32)
    return (acc if bias is None else acc + bias) * (x_scale * w_scale)


@mistake(
    "The bias is converted to an integer and loses its fraction. It is a real number and is added last, "
    "in float32.",
    of="int8_mm",
    hint=4,
)
def bias_truncated(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale)
    return y if bias is None else y + bias.to(torch.int32)


@mistake(
    "The bias is dropped: it is never added.",
    of="int8_mm",
    hint=4,
)
def bias_dropped(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    return _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale)


@mistake(
    "Your scales are rounded to integers (small ones to 0), and with them the whole result. Turn the "
    "accumulator into float32, not the scales into integers.",
    of="int8_mm",
    hint=3,
)
def scales_as_integers(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = (_acc(xq, x_zp, wq, w_zp) * (x_scale * w_scale).to(torch.int32)).to(torch.float32)
    return y if bias is None else y + bias


@mistake(
    "You fail where there is no bias: it may be None, and then nothing is added.",
    of="int8_mm",
    hint=2,
)
def bias_needed(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    return _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale) + bias


# Other right solutions.


@alternative("a loop over k: the sum of K outer products", of="int_mm")
def int_mm_by_loop(xq, wq):
    acc = torch.zeros(xq.shape[0], wq.shape[0], dtype=torch.int32)
    for k in range(xq.shape[1]):
        acc += torch.outer(xq[:, k].int(), wq[:, k].int())
    return acc


@alternative("float64, which is exact here, for the speed of a float kernel", of="int_mm")
def int_mm_in_float64(xq, wq):
    return (xq.double() @ wq.double().T).to(torch.int32)


@alternative("einsum in int64, narrowed at the end", of="int_mm")
def int_mm_by_einsum(xq, wq):
    return torch.einsum("mk,nk->mn", xq.long(), wq.long()).int()


@alternative("the difference of the product of shifted codes and the raw one", of="zero_point_terms")
def terms_by_difference(xq, x_zp, wq, w_zp):
    w_shift = 0 if w_zp is None else w_zp[:, None]
    x, w = xq.int(), wq.int()
    return (x - x_zp) @ (w - w_shift).T - x @ w.T


@alternative("the terms grouped as -x_zp Σ (wq - w_zp) - w_zp Σ xq", of="zero_point_terms")
def terms_grouped(xq, x_zp, wq, w_zp):
    shifted = wq.int() if w_zp is None else wq.int() - w_zp[:, None]
    terms = (-x_zp * shifted.sum(1)).expand(xq.shape[0], -1)
    if w_zp is not None:
        terms = terms - torch.outer(xq.int().sum(1), w_zp)
    return terms.to(torch.int32)


@alternative("the zero points subtracted first, in float64", of="int8_mm")
def mm_of_dequantized(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    x = x_scale.double() * (xq.double() - x_zp)
    W = w_scale.double()[:, None] * (wq.double() - (0 if w_zp is None else w_zp[:, None]))
    y = x @ W.T
    return (y if bias is None else y + bias).float()


# More mistakes.


@mistake(
    "The weights' code -128 is taken for -127. Affine quantization may not give it, but it is a code of int8 like all "
    "others: take the codes as they are.",
    of="int_mm",
    hint=1,
)
def lowest_code_clamped(xq, wq):
    return _exact(xq, wq.clamp(min=-127))


@mistake(
    "You use the first zero point of the weights for all outputs. Each row of wq has its own.",
    of="zero_point_terms",
    hint=3,
)
def first_zero_point(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    Z2 = Z2[:, :1]
    return K * Z1 * Z2 - Z1 * w_sums - Z2 * x_sums


@mistake(
    "You turn x_zp into int8, where it wraps round above 127. It belongs to uint8 codes and reaches 255: keep it "
    "int32.",
    of="zero_point_terms",
    hint=2,
)
def x_zp_as_int8(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp.to(torch.int8).to(torch.int32), wq, w_zp)
    return K * Z1 * Z2 - Z1 * w_sums - Z2 * x_sums


@mistake(
    "Where M = N you lay the sums of the weights down the rows. They belong to the outputs, which are the columns, "
    "whatever the sizes.",
    of="zero_point_terms",
    hint=3,
)
def weight_sums_down_the_rows(xq, x_zp, wq, w_zp):
    K, Z1, Z2, x_sums, w_sums = _terms(xq, x_zp, wq, w_zp)
    w_sums = w_sums.T if len(xq) == len(wq) else w_sums
    return K * Z1 * Z2 - Z1 * w_sums - Z2 * x_sums


@mistake(
    "You round the bias to whole units of the accumulator, as code of integers only does. Here it is a real number, "
    "added after the scales.",
    of="int8_mm",
    hint=3,
)
def bias_in_units(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    acc, unit = _acc(xq, x_zp, wq, w_zp), x_scale * w_scale
    acc = acc if bias is None else acc + torch.round(bias / unit).to(torch.int32)
    return acc.to(torch.float32) * unit


@mistake(
    "You turn the accumulator into a float of 16 bits on its way out, which keeps two or three digits of it. Convert "
    "it to float32.",
    of="int8_mm",
    hint=3,
)
def accumulator_in_bfloat16(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.bfloat16).to(torch.float32) * (x_scale * w_scale)
    return y if bias is None else y + bias


@mistake(
    "For K = 0 you return zeros. The sum is empty there, but the bias is still added.",
    of="int8_mm",
    hint=4,
)
def no_bias_for_empty_sums(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale)
    return y if bias is None or xq.shape[1] == 0 else y + bias


@mistake(
    "You use the mean of the weights' scales for all outputs. Each row of wq has a scale of its own.",
    of="int8_mm",
    hint=3,
)
def mean_scale(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale.mean())
    return y if bias is None else y + bias


@mistake(
    "Where M = N you lay the weights' scales down the rows. They belong to the outputs, which are the columns, "
    "whatever the sizes.",
    of="int8_mm",
    hint=3,
)
def scale_over_rows_where_square(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    w_scale = w_scale[:, None] if len(xq) == len(w_scale) else w_scale
    y = _acc(xq, x_zp, wq, w_zp).to(torch.float32) * (x_scale * w_scale)
    return y if bias is None else y + bias


@mistake(
    "You take x_zp off the uint8 codes, where all that falls below 0 wraps round. Convert the codes to int32 before, "
    "or add the zero-point terms after the product.",
    of="int8_mm",
    hint=2,
)
def zero_point_off_the_codes(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None):
    acc = _acc(xq - x_zp.to(torch.uint8), torch.zeros_like(x_zp), wq, w_zp)
    y = acc.to(torch.float32) * (x_scale * w_scale)
    return y if bias is None else y + bias
