#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the polynomials of liborion-ane/cpu/isa/vmath.h: minimax fits with float coefficients.

usage: fit-vmath.py

Each line is a fit: name, interval, degree, largest weighted error, coefficients from the constant
term up as C hex floats. Coefficients are rounded one by one, lowest first; after each rounding the
rest is fitted again, so that the others take up the error. The fit is Remez' exchange on a dense
grid: solve for equal alternating errors at n + 2 points, move the points to the extrema of the
error, repeat. Everything is computed in double; the errors wanted are near 1e-9.
"""
import math
import struct


def to_float(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def solve(a, b):
    """Gauss with pivoting: a x = b."""
    n = len(b)
    rows = [row[:] + [y] for row, y in zip(a, b)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            f = rows[r][i] / rows[i][i]
            for c in range(i, n + 1):
                rows[r][c] -= f * rows[i][c]
    x = [0.0] * n
    for i in reversed(range(n)):
        x[i] = (rows[i][n] - sum(rows[i][c] * x[c] for c in range(i + 1, n))) / rows[i][i]
    return x


def remez(f, weight, low, high, powers):
    """Coefficients c[i] of x^powers[i] that minimise the largest |weight * (f - p)|."""
    count = 4000
    grid = [low + (high - low) * i / count for i in range(count + 1)]
    values = [(x, f(x), max(weight(x), 1e-6)) for x in grid]  # no zero: points divide by it
    n = len(powers)
    points = [(low + high) / 2 - (high - low) / 2 * math.cos(math.pi * i / n)
              for i in range(n + 1)]
    at = [min(range(count + 1), key=lambda g: abs(grid[g] - p)) for p in points]
    for _ in range(30):
        a, b = [], []
        for sign, g in enumerate(at):
            x, y, w = values[g]
            a.append([x ** p for p in powers] + [(-1) ** sign / w])
            b.append(y)
        c = solve(a, b)[:n]
        errors = [w * (y - sum(k * x ** p for k, p in zip(c, powers))) for x, y, w in values]
        # One extremum per run of equal sign, then the n + 1 consecutive ones with the largest.
        extrema = []
        for g, e in enumerate(errors):
            if extrema and (errors[extrema[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[extrema[-1]]):
                    extrema[-1] = g
            else:
                extrema.append(g)
        if len(extrema) < n + 1:
            break
        best = max(range(len(extrema) - n),
                   key=lambda s: min(abs(errors[g]) for g in extrema[s:s + n + 1]))
        fresh = extrema[best:best + n + 1]
        if fresh == at:
            break
        at = fresh
    return c


def fit(name, f, weight, low, high, degree):
    known = []
    for start in range(degree + 1):
        def rest(x, known=tuple(known)):
            return f(x) - sum(c * x ** p for p, c in enumerate(known))
        c = remez(rest, weight, low, high, list(range(start, degree + 1)))
        known.append(to_float(c[0]))
    worst = max(abs(weight(x) * (f(x) - sum(c * x ** p for p, c in enumerate(known))))
                for x in (low + (high - low) * i / 9999 for i in range(10000)))
    print(f"{name} [{low:.4g}, {high:.4g}] degree {degree} error {worst:.2e}")
    print("   ", ", ".join(float.hex(c).replace("0000000p", "p") + "f" for c in known))


def series(terms):
    """A power series near 0, where the closed form would cancel."""
    return lambda x: sum(c * x ** i for i, c in enumerate(terms))


def near(x, closed, open_form, limit=0.05):
    return open_form(x) if abs(x) < limit else closed(x)


exp_tail = series([1 / math.factorial(i + 2) for i in range(18)])
log_tail = series([(-1) ** i / (i + 3) for i in range(30)])
tanh_tail = series([-1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925, 21844 / 6081075])
erf_tail = series([2 / math.sqrt(math.pi) * (-1) ** i / (math.factorial(i) * (2 * i + 1))
                   for i in range(18)])
sin_tail = series([(-1) ** (i + 1) / math.factorial(2 * i + 3) for i in range(10)])
cos_tail = series([(-1) ** i / math.factorial(2 * i + 4) for i in range(10)])

half_ln2 = math.log(2) / 2 * 1.001
fit("exp: e^x = 1 + x + x^2 p(x)", exp_tail, lambda x: x * x / math.exp(x), -half_ln2, half_ln2, 4)
fit("log: log(1+x) = x - x^2/2 + x^3 p(x)",
    lambda x: near(x, lambda t: (math.log1p(t) - t + t * t / 2) / t ** 3, log_tail),
    lambda x: near(x, lambda t: t ** 3 / math.log1p(t), lambda t: t * t),
    math.sqrt(0.5) - 1, math.sqrt(2) - 1, 8)
fit("tanh: x + x^3 p(x^2)",
    lambda s: near(s, lambda t: (math.tanh(math.sqrt(t)) / math.sqrt(t) - 1) / t, tanh_tail),
    lambda s: near(s, lambda t: t * math.sqrt(t) / math.tanh(math.sqrt(t)), lambda t: t),
    0, 0.625 ** 2, 5)
split = 0.9277
fit("erf: x + x p(x^2)", lambda s: erf_tail(s) - 1,
    lambda s: near(s, lambda t: math.sqrt(t) / math.erf(math.sqrt(t)), lambda t: 0.886, 1e-8),
    0, split ** 2, 6)
fit("erfc: exp(-x p(x))", lambda x: -math.log(math.erfc(x)) / x,
    lambda x: x * math.erfc(x) / math.erf(x), split, 4.0, 6)
fit("sin: x + x^3 p(x^2)", sin_tail, lambda s: s, 0, (math.pi / 4 * 1.001) ** 2, 3)
fit("cos: 1 - x^2/2 + x^4 p(x^2)", cos_tail, lambda s: s * s / math.cos(math.sqrt(s)), 0,
    (math.pi / 4 * 1.001) ** 2, 2)
