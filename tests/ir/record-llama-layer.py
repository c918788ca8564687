#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record what PyTorch makes of tests/ir/data/llama-layer.oir, in float64.

usage: /usr/bin/python3 tests/ir/record-llama-layer.py > tests/ir/data/llama-layer.txt

Needs python3-torch; the test that reads the figures (test-grad-llama.c) does not. The model is
written with PyTorch's own means: complex rotation for rope, repeated key heads, its cross entropy.
Inputs are drawn by the test suite's generator, in the order of the graph's inputs.
"""
import torch

BATCH, TOKENS, WIDTH, HEADS, GROUPS, HIDDEN, VOCABULARY = 2, 5, 16, 4, 2, 24, 13
HEAD = WIDTH // HEADS
EPSILON, THETA, IGNORED = 1e-5, 10000.0, 3
MASK = (1 << 64) - 1


class Random:
    """test_random of tests/support (splitmix64)."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        self.state = (self.state + 0x9e3779b97f4a7c15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & MASK
        z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & MASK
        return z ^ (z >> 31)

    def below(self, n, count):
        return torch.tensor([self.bits() % n for _ in range(count)])

    def units(self, *shape):
        count = torch.Size(shape).numel()
        values = [(self.bits() >> 11) * 2.0 ** -52 - 1.0 for _ in range(count)]
        return torch.tensor(values, dtype=torch.float64).reshape(shape)


def rms_norm(x, gain):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * gain


def rope(x):
    """x [batch, tokens, heads, HEAD]; neighbours are real and imaginary part."""
    frequency = 1.0 / THETA ** (torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD)
    angle = torch.outer(torch.arange(TOKENS, dtype=torch.float64), frequency)
    turn = torch.polar(torch.ones_like(angle), angle)[None, :, None, :]
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], HEAD // 2, 2))
    return torch.view_as_real(pairs * turn).flatten(-2)


def attention(q, k, v):
    k = k.repeat_interleave(HEADS // GROUPS, dim=2).transpose(1, 2)
    v = v.repeat_interleave(HEADS // GROUPS, dim=2).transpose(1, 2)
    score = q.transpose(1, 2) @ k.transpose(2, 3) / HEAD ** 0.5
    future = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
    weights = torch.softmax(score.masked_fill(future, float("-inf")), dim=-1)
    return (weights @ v).transpose(1, 2).reshape(BATCH, TOKENS, WIDTH)


def forward(tokens, targets, p):
    x = p["table"][tokens]
    a = rms_norm(x, p["norm_attention"])
    q = rope((a @ p["wq"].T).reshape(BATCH, TOKENS, HEADS, HEAD))
    k = rope((a @ p["wk"].T).reshape(BATCH, TOKENS, GROUPS, HEAD))
    v = (a @ p["wv"].T).reshape(BATCH, TOKENS, GROUPS, HEAD)
    y = x + attention(q, k, v) @ p["wo"].T
    b = rms_norm(y, p["norm_ffn"])
    hidden = torch.nn.functional.silu(b @ p["w_gate"].T) * (b @ p["w_up"].T)
    z = y + hidden @ p["w_down"].T
    logits = (rms_norm(z, p["norm_final"]) @ p["table"].T).reshape(BATCH * TOKENS, VOCABULARY)
    return torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100), logits


def show(name, values):
    values = values.detach().flatten().tolist()
    print(name, len(values))
    for at in range(0, len(values), 8):
        print(" ".join(f"{v:.12g}" for v in values[at:at + 8]))


def main():
    random = Random(1)
    tokens = random.below(VOCABULARY, BATCH * TOKENS).reshape(BATCH, TOKENS)
    targets = random.below(VOCABULARY, BATCH * TOKENS)
    targets[IGNORED] = -100
    shapes = {
        "table": (VOCABULARY, WIDTH), "norm_attention": (WIDTH,),
        "wq": (WIDTH, WIDTH), "wk": (GROUPS * HEAD, WIDTH), "wv": (GROUPS * HEAD, WIDTH),
        "wo": (WIDTH, WIDTH), "norm_ffn": (WIDTH,), "w_gate": (HIDDEN, WIDTH),
        "w_up": (HIDDEN, WIDTH), "w_down": (WIDTH, HIDDEN), "norm_final": (WIDTH,),
    }
    parameters = {}
    for name, shape in shapes.items():
        values = random.units(*shape)
        parameters[name] = (1 + values / 4 if len(shape) == 1 else values / 2).requires_grad_()
    loss, logits = forward(tokens, targets, parameters)
    loss.backward()
    print(f"# recorded by tests/ir/record-llama-layer.py with PyTorch {torch.__version__}, float64")
    show("loss", loss)
    show("logits", logits)
    for name, parameter in parameters.items():
        show("grad_" + name, parameter.grad)


main()
