#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fine-tune stories260K with PyTorch in fp32; test-finetune compares the losses with Orion's.

usage: record-finetune.py DATA_DIRECTORY > finetune.txt

Needs python3-torch. Nothing of Orion is used: weights, tokenizer, encoding, the random places of
the batches (Philox 2x64-10), model, schedule and clipping are written anew here.
"""
import heapq
import math
import pathlib
import struct
import sys

import torch
import torch.nn.functional as F

STEPS, WARMUP, SEED, BATCH, LENGTH, ACCUMULATION = 20, 4, 5, 4, 96, 2
RATE, FLOOR, BETA1, BETA2, EPSILON, DECAY, CLIP = 1e-3, 1e-4, 0.9, 0.95, 1e-8, 0.1, 1.0
BOS = 1


def read_tokenizer(path, vocab):
    data = path.read_bytes()
    at, pieces, scores = 4, [], []
    for _ in range(vocab):
        score, length = struct.unpack_from("<fi", data, at)
        pieces.append(data[at + 8:at + 8 + length])
        scores.append(score)
        at += 8 + length
    return pieces, scores


def encode(text, pieces, scores):
    """Merge neighbours, best score first, leftmost of equals."""
    ids = {}
    for i, piece in enumerate(pieces):
        ids.setdefault(piece, i)
    tokens = []
    for character in " " + text:
        piece = character.encode()
        tokens += [ids[piece]] if piece in ids else [byte + 3 for byte in piece]
    after = list(range(1, len(tokens))) + [None]
    before = [None] + list(range(len(tokens) - 1))
    heap = []

    def consider(left):
        if left is None or after[left] is None:
            return
        a, b = tokens[left], tokens[after[left]]
        joined = ids.get(pieces[a] + pieces[b])
        if joined is not None:
            heapq.heappush(heap, (-scores[joined], left, a, b, joined))

    for i in range(len(tokens)):
        consider(i)
    while heap:
        _, left, a, b, joined = heapq.heappop(heap)
        right = after[left]
        if tokens[left] != a or right is None or tokens[right] != b:
            continue
        tokens[left], tokens[right] = joined, None
        after[left] = after[right]
        if after[right] is not None:
            before[after[right]] = left
        consider(before[left])
        consider(left)
    return [BOS] + [t for t in tokens if t is not None]


def philox(key, counter, index):
    mask = (1 << 64) - 1
    for _ in range(10):
        product = 0xd2b74407b1ce6e93 * counter
        counter, index = (product >> 64) ^ key ^ index, product & mask
        key = (key + 0x9e3779b97f4a7c15) & mask
    return counter, index


def window(tokens, step, row):
    """The place of a row is the first number of its block; see liborion-train/data.c."""
    n = len(tokens) - LENGTH
    numbers = philox(SEED, (3 << 56) + row, step)
    assert numbers[0] >= (1 << 64) % n
    place = numbers[0] % n
    for back in range(min(LENGTH, place + 1)):
        if tokens[place - back] == BOS:
            place -= back
            break
    return tokens[place:place + LENGTH + 1]


class Model:
    def __init__(self, path):
        data = path.read_bytes()
        (self.dim, self.hidden, self.layers, self.heads, self.kv_heads, self.vocab,
         self.context) = struct.unpack_from("<7i", data)
        assert self.vocab > 0  # the output matrix is the embedding
        self.head = self.dim // self.heads
        numbers = torch.frombuffer(bytearray(data[28:]), dtype=torch.float32)
        at = 0

        def take(*shape):
            nonlocal at
            count = math.prod(shape)
            at += count
            return torch.nn.Parameter(numbers[at - count:at].reshape(shape).clone())

        kv = self.kv_heads * self.head
        shapes = {"norm1": (self.dim,), "wq": (self.dim, self.dim), "wk": (kv, self.dim),
                  "wv": (kv, self.dim), "wo": (self.dim, self.dim), "norm2": (self.dim,),
                  "w1": (self.hidden, self.dim), "w2": (self.dim, self.hidden),
                  "w3": (self.hidden, self.dim)}
        self.embedding = take(self.vocab, self.dim)
        self.layer = {name: [take(*shape) for _ in range(self.layers)]
                      for name, shape in shapes.items()}
        self.norm = take(self.dim)

    def parameters(self):
        return [self.embedding, self.norm] + [p for row in self.layer.values() for p in row]

    @staticmethod
    def rms(x, gain):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * gain

    def turn(self, x):
        length = x.shape[2]
        pairs = torch.arange(0, self.head, 2, dtype=torch.float64)
        places = torch.arange(length, dtype=torch.float64)
        angles = torch.outer(places, 10000 ** (-pairs / self.head))
        cos, sin = angles.cos().float(), angles.sin().float()
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)

    def split(self, x, heads):
        return x.view(x.shape[0], x.shape[1], heads, self.head).transpose(1, 2)

    def attend(self, h, i):
        q = self.turn(self.split(h @ self.layer["wq"][i].t(), self.heads))
        k = self.turn(self.split(h @ self.layer["wk"][i].t(), self.kv_heads))
        v = self.split(h @ self.layer["wv"][i].t(), self.kv_heads)
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        length = q.shape[2]
        mask = torch.full((length, length), float("-inf")).triu(1)
        weights = (q @ k.transpose(2, 3) / math.sqrt(self.head) + mask).softmax(-1)
        return (weights @ v).transpose(1, 2).flatten(-2) @ self.layer["wo"][i].t()

    def logits(self, tokens):
        x = self.embedding[tokens]
        for i in range(self.layers):
            x = x + self.attend(self.rms(x, self.layer["norm1"][i]), i)
            h = self.rms(x, self.layer["norm2"][i])
            gate = F.silu(h @ self.layer["w1"][i].t()) * (h @ self.layer["w3"][i].t())
            x = x + gate @ self.layer["w2"][i].t()
        return self.rms(x, self.norm) @ self.embedding.t()


def rate(step):
    if step < WARMUP:
        return RATE * (step + 1) / WARMUP
    turn = math.pi * (step - WARMUP) / (STEPS - 1 - WARMUP)
    return FLOOR + (RATE - FLOOR) * 0.5 * (1 + math.cos(turn))


def main():
    data = pathlib.Path(sys.argv[1])
    model = Model(data / "stories260K/stories260K.bin")
    text = (data / "text/tinystories_smallGPT_944k.txt").read_bytes().decode().strip("\r\n")
    tokens = encode(text, *read_tokenizer(data / "stories260K/tok512.bin", model.vocab))
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY},
                                   {"params": vectors, "weight_decay": 0.0}],
                                  lr=RATE, betas=(BETA1, BETA2), eps=EPSILON)
    print("# Written by record-finetune.py with PyTorch", torch.__version__)
    print("# steps warmup seed batch length accumulation")
    print("run", STEPS, WARMUP, SEED, BATCH, LENGTH, ACCUMULATION)
    print("# rate floor beta1 beta2 epsilon decay clip")
    print("adamw", RATE, FLOOR, BETA1, BETA2, EPSILON, DECAY, CLIP)
    print("tokens", len(tokens))
    print("# loss and norm of the gradient of each step")
    for step in range(STEPS):
        optimizer.zero_grad()
        total = 0.0
        for micro in range(ACCUMULATION):
            rows = [window(tokens, step, micro * BATCH + row) for row in range(BATCH)]
            rows = torch.tensor(rows)
            logits = model.logits(rows[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
            (loss / ACCUMULATION).backward()
            total += loss.item() / ACCUMULATION
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        print("step", f"{total:.7g} {norm.item():.6g}")


main()
