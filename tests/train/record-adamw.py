#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record what PyTorch's AdamW makes of a few numbers; test-optim compares with it.

usage: record-adamw.py > adamw.txt

Needs python3-torch. Each case of adamw.txt is a line of options, then one line of gradients and one
of the parameters after the update per step.
"""
import torch

CASES = (
    # steps, learning rate, beta1, beta2, epsilon, weight decay, clip (0: none)
    (8, 1e-3, 0.9, 0.999, 1e-8, 0.1, 0.0),
    (8, 3e-2, 0.9, 0.95, 1e-8, 0.0, 1.0),
    (5, 1e-1, 0.5, 0.9, 1e-3, 0.5, 0.25),
)
COUNT = 11


def row(tensor):
    return " ".join(f"{x:.9g}" for x in tensor.tolist())


def main():
    torch.manual_seed(1)
    print("# Written by record-adamw.py with PyTorch", torch.__version__)
    print("# case STEPS lr beta1 beta2 epsilon decay clip; start; then gradients and parameters")
    for steps, lr, beta1, beta2, epsilon, decay, clip in CASES:
        p = torch.nn.Parameter(torch.randn(COUNT))
        optimizer = torch.optim.AdamW([p], lr=lr, betas=(beta1, beta2), eps=epsilon,
                                      weight_decay=decay)
        print("case", steps, lr, beta1, beta2, epsilon, decay, clip)
        print(row(p.data))
        for step in range(steps):
            p.grad = torch.randn(COUNT) * 10.0 ** (step % 3 - 1)
            print(row(p.grad))
            if clip:
                torch.nn.utils.clip_grad_norm_([p], clip)
            optimizer.step()
            print(row(p.data))


main()
