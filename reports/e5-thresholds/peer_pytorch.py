#!/usr/bin/env python3
"""The same distribution in PyTorch on a CPU: LeNet-5, native (max_pool2d) against minimal (amax) pooling.

    python3 peer_pytorch.py FOLDER_OF_MNIST

Five initialisations (torch.manual_seed(i)), 20 mini-batches of 128 in file order. Prints, for each format, the smallest
positive, median and largest sum over parameter tensors of the 1-norm and of the infinity-norm of the difference.
"""
import gzip
import os
import sys

import numpy
import torch
from torch import nn


def images_and_labels(folder, count):
    def content(name, offset):
        path = os.path.join(folder, name)
        data = gzip.open(path + ".gz").read() if os.path.exists(path + ".gz") else open(path, "rb").read()
        return numpy.frombuffer(data, numpy.uint8, offset=offset)

    x = content("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)[:count].astype(numpy.float32)
    y = content("train-labels-idx1-ubyte", 8)[:count].astype(numpy.int64)
    return (torch.from_numpy(x) / 255 - 0.5) / 0.5, torch.from_numpy(y)


class MinimalPool(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).amax(dim=(3, 5))


def lenet(pool):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), pool(), nn.Conv2d(6, 16, 5), nn.ReLU(), pool(), nn.Flatten(),
        nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def gradients(pool, seed, x, y, dtype):
    torch.manual_seed(seed)
    net = lenet(pool).to(dtype)
    nn.functional.cross_entropy(net(x.to(dtype)), y).backward()
    return [p.grad.double() for p in net.parameters()]


def main(folder):
    x, y = images_and_labels(folder, 20 * 128)
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        found = {"1-norm": [], "inf-norm": []}
        for seed in range(5):
            for k in range(20):
                batch = slice(128 * k, 128 * (k + 1))
                a, b = (gradients(pool, seed, x[batch], y[batch], dtype) for pool in (lambda: nn.MaxPool2d(2), MinimalPool))
                found["1-norm"].append(sum((p - q).abs().sum().item() for p, q in zip(a, b)))
                found["inf-norm"].append(sum((p - q).abs().max().item() for p, q in zip(a, b)))
        for norm, values in found.items():
            positive = sorted(v for v in values if v > 0)
            print(f"{str(dtype)[6:]:<9} {norm:<9} {len(positive):>3} of {len(values)} positive: smallest {positive[0]:.3g}, "
                  f"median {numpy.median(positive):.3g}, largest {positive[-1]:.3g}")


if __name__ == "__main__":
    main(sys.argv[1])
