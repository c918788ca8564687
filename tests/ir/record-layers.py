#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record what PyTorch makes of the layers in tests/ir/data, in float64.

usage: /usr/bin/python3 tests/ir/record-layers.py NAME > tests/ir/data/NAME-layer.txt
       NAME is llama, gpt2 or qwen3

Needs python3-torch; the test that reads the figures (test-grad-layers.c) does not. The models are
written with PyTorch's own means: complex rotation or rotated halves for rope, repeated key heads,
its norms, activations and cross entropy. Inputs are drawn by the test suite's generator, in the
order of the graph's inputs.
"""
import sys

import torch
import torch.nn.functional as F

BATCH, TOKENS, WIDTH, HEADS, VOCABULARY = 2, 5, 16, 4, 13
IGNORED = 3
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


def rms_norm(x, gain, epsilon):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * gain


def angles(head, theta):
    frequency = 1.0 / theta ** (torch.arange(0, head, 2, dtype=torch.float64) / head)
    return torch.outer(torch.arange(TOKENS, dtype=torch.float64), frequency)


def rope_pairs(x, theta):
    """x [batch, tokens, heads, head]; neighbours are real and imaginary part."""
    angle = angles(x.shape[-1], theta)
    turn = torch.polar(torch.ones_like(angle), angle)[None, :, None, :]
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2))
    return torch.view_as_real(pairs * turn).flatten(-2)


def rope_halves(x, theta):
    """As Hugging Face's models do it: x cos + rotate_half(x) sin."""
    angle = torch.cat([angles(x.shape[-1], theta)] * 2, dim=-1)[None, :, None, :]
    first, second = x.chunk(2, dim=-1)
    return x * angle.cos() + torch.cat([-second, first], dim=-1) * angle.sin()


def attention(q, k, v):
    """[batch, tokens, heads, head] each; k and v may have fewer heads."""
    times = q.shape[2] // k.shape[2]
    k = k.repeat_interleave(times, dim=2).transpose(1, 2)
    v = v.repeat_interleave(times, dim=2).transpose(1, 2)
    score = q.transpose(1, 2) @ k.transpose(2, 3) / q.shape[-1] ** 0.5
    future = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
    weights = torch.softmax(score.masked_fill(future, float("-inf")), dim=-1)
    return (weights @ v).transpose(1, 2).flatten(2)


def heads(x, count):
    return x.reshape(BATCH, TOKENS, count, -1)


def swiglu(x, p):
    return (F.silu(x @ p["w_gate"].T) * (x @ p["w_up"].T)) @ p["w_down"].T


def llama(tokens, p):
    epsilon, theta = 1e-5, 10000.0
    x = p["table"][tokens]
    a = rms_norm(x, p["norm_attention"], epsilon)
    q = rope_pairs(heads(a @ p["wq"].T, HEADS), theta)
    k = rope_pairs(heads(a @ p["wk"].T, 2), theta)
    y = x + attention(q, k, heads(a @ p["wv"].T, 2)) @ p["wo"].T
    z = y + swiglu(rms_norm(y, p["norm_ffn"], epsilon), p)
    return rms_norm(z, p["norm_final"], epsilon) @ p["table"].T


def gpt2(tokens, p):
    def norm(x, name):
        return F.layer_norm(x, (WIDTH,), p[name + "_g"], p[name + "_b"], 1e-5)

    x = p["wte"][tokens] + p["wpe"]
    q, k, v = (norm(x, "ln_1") @ p["c_attn_w"] + p["c_attn_b"]).split(WIDTH, dim=2)
    a = attention(heads(q, HEADS), heads(k, HEADS), heads(v, HEADS))
    y = x + a @ p["c_proj_w"] + p["c_proj_b"]
    inner = norm(y, "ln_2") @ p["c_fc_w"] + p["c_fc_b"]
    z = y + F.gelu(inner, approximate="tanh") @ p["mlp_w"] + p["mlp_b"]
    return norm(z, "ln_f") @ p["wte"].T


def qwen3(tokens, p):
    epsilon, theta = 1e-6, 1e6
    x = p["table"][tokens]
    a = rms_norm(x, p["norm_attention"], epsilon)
    q = rms_norm(heads(a @ p["wq"].T, HEADS), p["q_norm"], epsilon)
    k = rms_norm(heads(a @ p["wk"].T, 2), p["k_norm"], epsilon)
    v = heads(a @ p["wv"].T, 2)
    y = x + attention(rope_halves(q, theta), rope_halves(k, theta), v) @ p["wo"].T
    z = y + swiglu(rms_norm(y, p["norm_ffn"], epsilon), p)
    return rms_norm(z, p["norm_final"], epsilon) @ p["head"].T


# Parameters in the order of the graphs' inputs.
MODELS = {
    "llama": (llama, {
        "table": (13, 16), "norm_attention": (16,), "wq": (16, 16), "wk": (8, 16), "wv": (8, 16),
        "wo": (16, 16), "norm_ffn": (16,), "w_gate": (24, 16), "w_up": (24, 16),
        "w_down": (16, 24), "norm_final": (16,)}),
    "gpt2": (gpt2, {
        "wte": (13, 16), "wpe": (5, 16), "ln_1_g": (16,), "ln_1_b": (16,), "c_attn_w": (16, 48),
        "c_attn_b": (48,), "c_proj_w": (16, 16), "c_proj_b": (16,), "ln_2_g": (16,),
        "ln_2_b": (16,), "c_fc_w": (16, 64), "c_fc_b": (64,), "mlp_w": (64, 16), "mlp_b": (16,),
        "ln_f_g": (16,), "ln_f_b": (16,)}),
    "qwen3": (qwen3, {
        "table": (13, 16), "norm_attention": (16,), "wq": (32, 16), "wk": (16, 16),
        "wv": (16, 16), "q_norm": (8,), "k_norm": (8,), "wo": (16, 32), "norm_ffn": (16,),
        "w_gate": (24, 16), "w_up": (24, 16), "w_down": (16, 24), "norm_final": (16,),
        "head": (13, 16)}),
}


def show(name, values):
    values = values.detach().flatten().tolist()
    print(name, len(values))
    for at in range(0, len(values), 8):
        print(" ".join(f"{v:.12g}" for v in values[at:at + 8]))


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in MODELS:
        sys.exit(f"usage: record-layers.py {'|'.join(MODELS)}")
    forward, shapes = MODELS[sys.argv[1]]
    random = Random(1)
    tokens = random.below(VOCABULARY, BATCH * TOKENS).reshape(BATCH, TOKENS)
    targets = random.below(VOCABULARY, BATCH * TOKENS)
    targets[IGNORED] = -100
    parameters = {}
    for name, shape in shapes.items():
        values = random.units(*shape)
        parameters[name] = (1 + values / 4 if len(shape) == 1 else values / 2).requires_grad_()
    logits = forward(tokens, parameters).reshape(BATCH * TOKENS, VOCABULARY)
    loss = F.cross_entropy(logits, targets, ignore_index=-100)
    loss.backward()
    print(f"# recorded by tests/ir/record-layers.py with PyTorch {torch.__version__}, float64")
    show("loss", loss)
    show("logits", logits)
    for name, parameter in parameters.items():
        show("grad_" + name, parameter.grad)


main()
