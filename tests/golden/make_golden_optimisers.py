#!/usr/bin/env python3
"""Golden trajectories of PyTorch's optimisers in binary32 and binary64 (see README.md).

Usage: make_golden_optimisers.py FOLDER. Weights, gradients and rates come from formulas that the test repeats; stored
are the weights after some of the steps.
"""
import sys

import torch

from golden_formulas import words

ENTRIES, STEPS, STORED = 37, 30, (1, 2, 30)

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=1),
    "sgd-momentum": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, weight_decay=5e-4),
    "sgd-nesterov": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, weight_decay=1e-2, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1),
    "adam-decay": lambda p: torch.optim.Adam(p, lr=1, betas=(0.8, 0.99), eps=1e-6, weight_decay=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1, weight_decay=1e-2),
}


def numbers(tensor, dtype):
    """Of very different sizes: centred words over 2^16 ... 2^27."""
    powers = 2.0 ** (16 + torch.arange(ENTRIES) % 12)
    return ((words(tensor, ENTRIES).double() - 32768) / powers).to(dtype)


def rate(step):
    return 0.01 * (1 + step % 3)


def main():
    torch.set_num_threads(1)
    for name, make in OPTIMISERS.items():
        with open(f"{sys.argv[1]}/optimiser-{name}.txt", "w") as out:
            for dtype in (torch.float32, torch.float64):
                w = numbers(0, dtype).requires_grad_(True)
                optimiser = make([w])
                for step in range(1, STEPS + 1):
                    w.grad = numbers(step, dtype)
                    for group in optimiser.param_groups:
                        group["lr"] = rate(step)
                    optimiser.step()
                    if step in STORED:
                        print(str(dtype)[6:], step, *[float(v).hex() for v in w.detach()], file=out)


main()
