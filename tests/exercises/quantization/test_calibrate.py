"""Clips against values worked out in float64, x̂ against codes that were planted.

x is made from codes, scale · (code + u) with |u| ≤ 0.45, so that no rounding error turns one code into its
neighbour, or lies beyond the clip. Clips and x̂ have the default tolerances (float32 1e-5 relative, float64
1e-9). The best clip of a search is compared where the second best errs at least 1e-4 more, in relative
terms: data are drawn until that is so (at most a few times; in float32 the mean errors of two right
programs differ by 1e-6). No check depends on chance otherwise.
"""

import numpy as np
import torch

from grader.testing import assert_close, assert_equal, assert_unchanged

SHAPES = ((3, 40), (17,), (2, 3, 5), (9, 7))


def _tensor(values, dtype=torch.float32):
    return torch.from_numpy(np.asarray(values, dtype=np.float64)).to(dtype)


def _batches(rng, shapes=SHAPES, dtype=torch.float32):
    """Heavy tails, a spread of its own for each batch; the largest magnitude is negative, in the second batch."""
    batches = [_tensor(rng.standard_t(4, shape) * spread, dtype)
               for shape, spread in zip(shapes, (1.0, 2.5, 0.4, 1.5), strict=False)]  # fmt: skip
    largest = max(float(x.abs().max()) for x in batches)
    batches[min(1, len(batches) - 1)].view(-1)[3] = -1.3 * largest
    return batches


def _flat(batches):
    return np.concatenate([x.double().numpy().ravel() for x in batches])


def _grid(x, clip, bits):
    q_max = 2 ** (bits - 1) - 1
    scale = clip / q_max
    return scale * np.clip(np.round(x / scale), -q_max, q_max)


def _errors(batches, bits, steps):
    x = _flat(batches)
    clips = np.arange(1, steps + 1) / steps * np.abs(x).max()
    return clips, np.array([np.mean((x - _grid(x, c, bits)) ** 2) for c in clips])


def _clear(rng, bits, steps, make=_batches):
    """Batches for which the best clip is clearly the best, and the clip."""
    while True:
        batches = make(rng)
        clips, errors = _errors(batches, bits, steps)
        first, second = np.sort(errors)[:2]
        if second > (1 + 1e-4) * first:
            return batches, clips[errors.argmin()]


def _percentile(batches, p):
    a = np.sort(np.abs(_flat(batches)))
    t = p / 100 * (len(a) - 1)
    i = min(int(t), len(a) - 2)
    return a[i] + (t - i) * (a[i + 1] - a[i])


def _ema(batches, momentum):
    a = None
    for x in batches:
        m = float(x.double().abs().max())
        a = m if a is None else momentum * a + (1 - momentum) * m
    return a


def _planted(rng, shape, bits, dtype=torch.float32, beyond=True):
    """x, the clip, and x̂. Some of x lies beyond the clip, on both sides."""
    top = 2 ** (bits - 1) - 1
    scale = rng.uniform(0.02, 0.05)
    codes = rng.integers(-top, top + 1, shape).astype(np.float64)
    x = codes + rng.uniform(-0.45, 0.45, shape)
    if beyond:
        for place, sign in ((0, 1), (1, -1), (5, -1), (6, 1)):
            codes.flat[place], x.flat[place] = sign * top, sign * (top + rng.uniform(1.6, 2.9 * top))
    return _tensor(scale * x, dtype), _tensor(scale * top, dtype), _tensor(scale * codes, dtype)


def test_fixed_grid(solution, rng):
    """fake_quantize rounds to the grid of the clip it is given, and cuts off beyond it"""
    cases = [((4, 9), 8), ((3, 5, 2), 4), ((40,), 3), ((30,), 2)]
    made = [_planted(rng, shape, bits) for shape, bits in cases]
    wide = [_planted(rng, shape, bits, beyond=False) for shape, bits in cases]
    found = [solution.fake_quantize(x, clip, bits) for (_, bits), (x, clip, _) in zip(cases, made, strict=True)]
    # The clip is larger than anything in x: four times as many steps on the same grid.
    inside = [solution.fake_quantize(x, clip * (2 ** (bits + 1) - 1) / (2 ** (bits - 1) - 1), bits + 2)
              for (_, bits), (x, clip, _) in zip(cases[1:], wide[1:], strict=True)]  # fmt: skip
    for (shape, bits), (_, _, right), values in zip(cases, made, found, strict=True):
        assert_close(values, right, what=f"x̂ for the shape {shape}, {bits} bits")
    for (shape, bits), (_, _, right), values in zip(cases[1:], wide[1:], inside, strict=True):
        assert_close(values, right, what=f"x̂ for the shape {shape}, {bits + 2} bits, nothing beyond the clip")
    x, clip, _ = made[-1]
    assert_unchanged(solution.fake_quantize, x, clip, 2)


def test_largest_magnitude(solution, rng):
    """absmax_clip is the largest magnitude of all batches"""
    cases = [_batches(rng), _batches(rng, ((5,), (2, 8), (11,))), [_tensor(rng.normal(size=(3, 4)))]]
    found = [solution.absmax_clip(batches) for batches in cases]
    for batches, clip in zip(cases, found, strict=True):
        assert_equal(clip, torch.cat([x.reshape(-1) for x in batches]).abs().max(), what="the clip by absmax")


def test_moving_average(solution, rng):
    """ema_clip: the first batch sets the average, each further one moves it by its share"""
    momenta = (0.9, 0.3, 0.75, 0.0)
    cases = [_batches(rng), _batches(rng)[::-1], _batches(rng, ((5,), (2, 8), (11,))), _batches(rng)]
    found = [solution.ema_clip(batches, momentum) for batches, momentum in zip(cases, momenta, strict=True)]
    one = solution.ema_clip(cases[0][:1], 0.9)
    for batches, momentum, clip in zip(cases, momenta, found, strict=True):
        assert_close(clip, _tensor(_ema(batches, momentum)), what=f"the clip of {len(batches)} batches, momentum {momentum}")
    assert_close(one, cases[0][0].abs().max(), what="the clip of a single batch, momentum 0.9")


def test_percentile(solution, rng):
    """percentile_clip: of the magnitudes of all batches together, with interpolation"""
    percents = (99.0, 90.0, 37.3, 60.0, 0.0, 100.0, 0.4)
    cases = [_batches(rng) for _ in percents]
    found = [solution.percentile_clip(batches, p) for batches, p in zip(cases, percents, strict=True)]
    for batches, p, clip in zip(cases, percents, found, strict=True):
        assert_close(clip, _tensor(_percentile(batches, p)), what=f"the percentile {p} of 230 numbers")


def test_search(solution, rng):
    """mse_clip finds the clip that errs least over all numbers"""
    settings = ((4, 20), (3, 16), (5, 24), (2, 10), (8, 6))
    made = [_clear(rng, bits, steps) for bits, steps in settings]
    found = [solution.mse_clip(batches, bits, steps) for (bits, steps), (batches, _) in zip(settings, made, strict=True)]
    for (bits, steps), (_, right), clip in zip(settings, made, found, strict=True):
        assert_close(clip, _tensor(right), what=f"the clip for {bits} bits, the best of {steps}")


def test_most_numbers_alike(solution, rng):
    """Where nearly all numbers are alike, their level is worth more than a single outlier"""
    fine = 0.9 * rng.choice([-1.0, 1.0], (60, 100)) + rng.uniform(-1e-4, 1e-4, (60, 100))
    coarse = 0.5 * rng.choice([-1.0, 1.0], 40) + rng.uniform(-0.01, 0.01, 40)
    outlier = torch.tensor([-1.0])
    found = [solution.mse_clip([_tensor(fine), outlier], 8, 10), solution.mse_clip([outlier, _tensor(coarse)], 2, 10)]
    two = torch.tensor([0.4, 0.8] * 20)  # a clip of 1.2 would fit them best, and is none of the five
    within = solution.mse_clip([outlier, two], 3, 5)
    assert_close(found[0], torch.tensor(0.9), what="the clip of ± 0.9 (6000 times) and -1, 8 bits, the best of 10")
    assert_close(found[1], torch.tensor(0.5), what="the clip of ± 0.5 (40 times) and -1, 2 bits, the best of 10")
    assert_close(within, torch.tensor(0.8), what="the clip of 0.4 and 0.8 (20 times each) and -1, 3 bits, the best of 5")


def test_nothing_to_cut_off(solution, rng):
    """Where the values fill their range evenly, the search ends at the largest magnitude"""

    def even(rng):
        return [_tensor(rng.permutation(np.linspace(-1, 1, 41)).reshape(1, 41)), _tensor(rng.uniform(-1, 1, (5, 30)))]

    batches, right = _clear(rng, 6, 5, even)
    found, one = solution.mse_clip(batches, 6, 5), solution.mse_clip(_batches(rng), 4, 1)
    assert right == 1.0
    assert_close(found, torch.tensor(1.0), what="the clip of evenly spread numbers, 6 bits")
    assert one.shape == (), "With one step there is one clip, the largest magnitude."


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    batches = [torch.tensor([1.0, -2.0]), torch.tensor([-4.0, 3.0, 0.5])]
    clips = [solution.absmax_clip(batches), solution.ema_clip(batches, 0.9), solution.percentile_clip(batches, 60.0),
             solution.mse_clip(batches, 3, 4)]  # fmt: skip
    values = [solution.fake_quantize(x, torch.tensor(3.0), 3) for x in batches]
    for name, clip, right in zip(("absmax", "moving average", "percentile", "search"), clips, (4, 2.2, 2.4, 4), strict=True):
        assert_close(clip, torch.tensor(float(right)), what=f"the clip of the example by {name}")
    assert_close(values[0], torch.tensor([1.0, -2.0]), what="x̂ of the first batch")
    assert_close(values[1], torch.tensor([-3.0, 3.0, 0.0]), what="x̂ of the second batch")


def test_half_way_cases(solution):
    """Half-way cases go to the even code"""
    x = torch.tensor([0.25, 0.75, 1.25, -0.25, -0.75, -1.25, 3.5])
    found = solution.fake_quantize(x, torch.tensor(3.5), 4)
    assert_close(found, torch.tensor([0.0, 1.0, 1.0, 0.0, -1.0, -1.0, 3.5]), what="x̂ on a grid of steps of 0.5")


def test_search_errs_least(solution, rng):
    """On the calibration data the search errs no more than absmax"""
    batches, _ = _clear(rng, 4, 25)
    clips = [solution.mse_clip(batches, 4, 25), solution.absmax_clip(batches)]
    x = torch.cat([batch.reshape(-1) for batch in batches])
    errors = []
    for clip in clips:
        back = solution.fake_quantize(x, clip, 4)
        assert_equal(tuple(back.shape), tuple(x.shape), what="the shape of x̂")
        errors.append(float((x - back).square().mean()))
    assert errors[0] <= 1.0001 * errors[1], f"Mean square error {errors[0]:.3g} by the search, {errors[1]:.3g} by absmax."


def test_zeros_and_tiny_numbers(solution, rng):
    """A clip of 0 gives zeros, zeros give a clip of 0; tiny numbers are quantized like others"""
    zeros = [torch.zeros(3, 4), torch.zeros(7)]
    clips = [solution.absmax_clip(zeros), solution.ema_clip(zeros, 0.9), solution.percentile_clip(zeros, 99.0),
             solution.mse_clip(zeros, 4, 6)]  # fmt: skip
    none = [solution.fake_quantize(x, torch.tensor(0.0), 8) for x in (zeros[0], torch.tensor([1.5, -2.0, 0.0]))]
    for name, clip in zip(("absmax", "moving average", "percentile", "search"), clips, strict=True):
        assert_equal(clip, torch.tensor(0.0), what=f"the clip of zeros by {name}")
    assert_close(none[0], torch.zeros(3, 4), what="x̂ of zeros, clip 0")
    assert_close(none[1], torch.zeros(3), what="x̂ for the clip 0")
    x, clip, right = _planted(rng, (20,), 6)
    found = solution.fake_quantize(2.0**-40 * x, 2.0**-40 * clip, 6)
    assert_close(found, 2.0**-40 * right, atol=0.0, what="x̂ of tiny numbers")
    batches, best = _clear(rng, 4, 9)
    clip = solution.mse_clip([2.0**-40 * x for x in batches], 4, 9)
    assert_close(clip, _tensor(2.0**-40 * best), atol=0.0, what="the clip of tiny numbers by the search")


def test_dtypes_and_layouts(solution, rng):
    """float64, transposed batches; nothing is changed in place"""
    batches = _batches(rng, ((4, 6), (3, 5), (7, 2)), torch.float64)
    turned = [x.T for x in batches]
    right = (float(max(x.abs().max() for x in batches)), _ema(batches, 0.8), _percentile(batches, 97.0))
    clips = [assert_unchanged(solution.absmax_clip, turned), assert_unchanged(solution.ema_clip, turned, 0.8),
             assert_unchanged(solution.percentile_clip, turned, 97.0)]  # fmt: skip
    for name, clip, value in zip(("absmax", "moving average", "percentile"), clips, right, strict=True):
        assert_close(clip, torch.tensor(value, dtype=torch.float64), what=f"the clip in float64 by {name}")

    def make(rng):
        return _batches(rng, ((4, 6), (3, 5), (7, 2)), torch.float64)

    wide, best = _clear(rng, 4, 9, make)
    clip = assert_unchanged(solution.mse_clip, [x.T for x in wide], 4, 9)
    assert_close(clip, torch.tensor(best, dtype=torch.float64), what="the clip in float64 by the search")
    x, clip, values = _planted(rng, (6, 8), 5, torch.float64)
    found = assert_unchanged(solution.fake_quantize, x.T, clip, 5)
    assert_close(found, values.T, what="x̂ of a transposed x in float64")
