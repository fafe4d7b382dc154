#!/usr/bin/env python3
"""Golden logits, losses and gradients of small networks, computed in binary64 by PyTorch (see README.md).

Usage: make_golden.py FOLDER. Every number of a network comes from an integer formula that the test repeats, so only
results are stored: logits, loss, and of each gradient tensor its largest entry, a checksum and a few entries.
"""
import sys

import torch
import torch.nn.functional as F

from golden_formulas import words

STORED_ENTRIES = 12


def parameter(number, name, shape):
    """A tensor of about unit gain: centred words over a power of two of at least sqrt(fan_in)."""
    count = 1
    for extent in shape:
        count *= extent
    w = words(number + 1, count).double()
    centred = w - 32768
    if name.endswith("running_var"):
        v = 0.5 + w / 65536
    elif len(shape) == 1 and name.endswith("weight"):
        v = 1 + centred / 131072
    elif len(shape) == 1:
        v = centred / 262144
    else:
        fan_in, power = count // shape[0], 1
        while power * power < fan_in:
            power *= 2
        v = centred / (16384 * power)
    return v.reshape(shape)


class Net:
    """Parameters by name in the order they are first used, which is the order of the graph's parameters."""

    def __init__(self, name, training=False):
        self.name, self.training, self.parameters = name, training, {}

    def get(self, name, shape, trainable=True):
        if name not in self.parameters:
            tensor = parameter(len(self.parameters), name, shape)
            self.parameters[name] = tensor.requires_grad_(trainable)
        return self.parameters[name]

    def conv(self, x, name, out, kernel, stride=1, padding=0, bias=True):
        w = self.get(name + ".weight", [out, x.shape[1], kernel, kernel])
        b = self.get(name + ".bias", [out]) if bias else None
        return F.conv2d(x, w, b, stride, padding)

    def linear(self, x, name, out):
        return F.linear(x, self.get(name + ".weight", [out, x.shape[1]]), self.get(name + ".bias", [out]))

    def norm(self, x, name):
        c = [x.shape[1]]
        w, b = self.get(name + ".weight", c), self.get(name + ".bias", c)
        mean = self.get(name + ".running_mean", c, False)
        var = self.get(name + ".running_var", c, False)
        return F.batch_norm(x, None if self.training else mean, None if self.training else var, w, b, self.training)


def lenet(net, x, norms):
    x = F.max_pool2d(F.relu(net.conv(x, "features.0", 6, 5)), 2)
    x = net.norm(x, "features.3") if norms else x
    x = F.max_pool2d(F.relu(net.conv(x, "features.4", 16, 5)), 2)
    x = net.norm(x, "features.7") if norms else x
    x = F.relu(net.linear(x.flatten(1), "classifier.0", 120))
    x = net.norm(x, "classifier.2") if norms else x
    x = F.relu(net.linear(x, "classifier.3", 84))
    x = net.norm(x, "classifier.5") if norms else x
    return net.linear(x, "classifier.6", 10)


def mlp(net, x):
    x = net.linear(x.flatten(1), "layers.0", 24)
    x = F.relu(net.linear(x, "layers.1", 24))
    x = F.relu(net.linear(x, "layers.3", 24))
    return net.linear(x, "layers.5", 10)


def mixed(net, x):
    """Every other operation once, on [2, 11, 10] images."""
    x = F.leaky_relu(net.conv(x, "conv1", 4, 3, stride=2, padding=1), 0.125)
    left = F.relu6(net.conv(x, "left", 3, 3, padding=1, bias=False))
    right = F.avg_pool2d(x, 3, 1, 1)
    x = torch.cat([left, right], 1)
    side = net.conv(x, "side", 7, 1)
    x = side - x
    x = F.max_pool2d(x, 3, 2, 1)
    x = torch.abs(net.norm(x, "bn"))
    squares = F.avg_pool2d(x * x, 2, 1) * 4
    x = torch.cat([squares.sqrt().mean((2, 3), keepdim=True), x.mean((2, 3), keepdim=True)], 1)
    return net.linear(x.flatten(1), "head", 5)


def write(folder, net, forward, shape, classes):
    x = (words(0, torch.Size(shape).numel()).double() / 65536).reshape(shape)
    labels = torch.tensor([(7 * n + 3) % classes for n in range(shape[0])])
    logits = forward(net, x)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    with open(f"{folder}/{net.name}.txt", "w") as out:
        print("logits", *[float(v).hex() for v in logits.flatten()], file=out)
        print("loss", float(loss).hex(), file=out)
        for number, (name, tensor) in enumerate(net.parameters.items()):
            if tensor.grad is None:
                continue
            g = tensor.grad.flatten()
            weights = words(number + 1000, g.numel()).double() / 65536
            step = max(1, g.numel() // STORED_ENTRIES)
            entries = range(0, g.numel(), step)
            print("tensor", name, g.numel(), float(g.abs().max()).hex(), float((g * weights).sum()).hex(),
                  len(entries), file=out)
            print(*[f"{i} {float(g[i]).hex()}" for i in entries], file=out)


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1]
    write(folder, Net("lenet5"), lambda n, x: lenet(n, x, False), [3, 1, 28, 28], 10)
    write(folder, Net("lenet5-bn-evaluation"), lambda n, x: lenet(n, x, True), [3, 1, 28, 28], 10)
    write(folder, Net("lenet5-bn-training", True), lambda n, x: lenet(n, x, True), [5, 1, 28, 28], 10)
    write(folder, Net("mlp"), mlp, [3, 1, 28, 28], 10)
    write(folder, Net("mixed"), mixed, [2, 2, 11, 10], 5)


main()
