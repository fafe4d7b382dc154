#!/usr/bin/env python3
"""Golden random numbers and freshly initialised networks of PyTorch, in binary32 (see README.md).

Usage: make_golden_weights.py FOLDER. Stored are, of each tensor, its first and last number and the SHA-256 of all of
them (little-endian binary32). The networks are written as the originals are: what matters is the order in which they
construct, register and initialise their modules.
"""
import hashlib
import sys

import torch
from torch import nn
from torch.nn import init


def line(name, tensor):
    values = tensor.detach().contiguous().flatten()
    digest = hashlib.sha256(values.numpy().tobytes()).hexdigest()
    return f"{name} {float(values[0]).hex()} {float(values[-1]).hex()} {digest}"


def lenet5():
    features = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Identity(),
                             nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Identity())
    classifier = nn.Sequential(nn.Linear(256, 120), nn.ReLU(), nn.Identity(),
                               nn.Linear(120, 84), nn.ReLU(), nn.Identity(), nn.Linear(84, 10))
    return nn.ModuleDict({"features": features, "classifier": classifier})


def mlp(layers, width):
    parts = [nn.Linear(784, width)]
    for _ in range(layers - 1):
        parts += [nn.Linear(width, width), nn.ReLU()]
    return nn.ModuleDict({"layers": nn.Sequential(*parts, nn.Linear(width, 10))})


def vgg11(norms):
    parts, channels = [], 3
    for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if width == "M":
            parts.append(nn.MaxPool2d(2))
            continue
        parts.append(nn.Conv2d(channels, width, 3, padding=1))
        parts += [nn.BatchNorm2d(width)] if norms else []
        parts.append(nn.ReLU())
        channels = width
    return nn.ModuleDict({"features": nn.Sequential(*parts), "classifier": nn.Linear(512, 10)})


class Block(nn.Module):
    def __init__(self, sizes, norms, downsample):
        """sizes: (channels in, channels out, kernel, stride) of each convolution."""
        super().__init__()
        for k, (inputs, outputs, kernel, stride) in enumerate(sizes, 1):
            setattr(self, f"conv{k}", nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False))
            setattr(self, f"bn{k}", nn.BatchNorm2d(outputs) if norms else nn.Identity())
        self.relu = nn.ReLU()
        self.downsample = downsample


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck, norms):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64) if norms else nn.Identity()
        channels = 64
        for stage, count in enumerate(blocks):
            layers = []
            for b in range(count):
                width, stride = 64 << stage, 2 if b == 0 and stage > 0 else 1
                outputs = 4 * width if bottleneck else width
                downsample = None
                if stride != 1 or channels != outputs:
                    downsample = nn.Sequential(nn.Conv2d(channels, outputs, 1, stride, bias=False),
                                               nn.BatchNorm2d(outputs) if norms else nn.Identity())
                if bottleneck:
                    sizes = [(channels, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
                else:
                    sizes = [(channels, width, 3, stride), (width, width, 3, 1)]
                layers.append(Block(sizes, norms, downsample))
                channels = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(channels, 10)


class DenseNet121(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
        channels = 64
        for b, count in enumerate((6, 12, 24, 16), 1):
            block = nn.ModuleDict()
            for k in range(1, count + 1):
                block[f"denselayer{k}"] = nn.ModuleDict({"conv1": nn.Conv2d(channels, 128, 1, bias=False),
                                                         "conv2": nn.Conv2d(128, 32, 3, 1, 1, bias=False)})
                channels += 32
            self.features.add_module(f"denseblock{b}", block)
            if b < 4:
                self.features.add_module(f"transition{b}", nn.ModuleDict(
                    {"conv": nn.Conv2d(channels, channels // 2, 1, bias=False)}))
                channels //= 2
        self.classifier = nn.Linear(channels, 10)


def kaiming0(net):
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            init.kaiming_uniform_(m.weight, mode="fan_in", nonlinearity="relu")
            init.zeros_(m.bias)
        elif isinstance(m, nn.Linear):
            init.normal_(m.weight, 0, 0.01)
            init.zeros_(m.bias)


def he(net):
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")


def he_in(net):
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            init.kaiming_normal_(m.weight)
        elif isinstance(m, nn.Linear):
            init.zeros_(m.bias)


NETS = [  # name, scheme, seed, construction, initialisation
    ("lenet5", "torch", 0, lenet5, None),
    ("lenet5", "kaiming0", 12345, lenet5, kaiming0),
    ("mlp:3x256", "torch", 2**32 + 7, lambda: mlp(3, 256), None),
    ("mlp:1x1", "kaiming0", 3, lambda: mlp(1, 1), kaiming0),
    ("vgg11", "torch", 1, lambda: vgg11(False), None),
    ("vgg11-bn", "kaiming0", 2, lambda: vgg11(True), kaiming0),
    ("resnet18", "torch", 5, lambda: ResNet((2, 2, 2, 2), False, False), None),
    ("resnet18-bn", "he", 6, lambda: ResNet((2, 2, 2, 2), False, True), he),
    ("resnet50", "he", 4, lambda: ResNet((3, 4, 6, 3), True, False), he),
    ("densenet121", "he-in", 8, DenseNet121, he_in),
]


def write_draws(out):
    """A sequence from one generator: the kept half of a pair of normal variates matters."""
    torch.manual_seed(42)
    print(line("uniform:1000:-0.3:0.7", torch.empty(1000).uniform_(-0.3, 0.7)), file=out)
    for count in (1, 9, 100, 15, 16, 5, 40, 4096):
        print(line(f"normal:{count}:0.25:1.5", torch.empty(count).normal_(0.25, 1.5)), file=out)
    print(line("normal:1000000:0:1", torch.empty(1000000).normal_(0, 1)), file=out)
    print(line("uniform:3:0:1", torch.empty(3).uniform_(0, 1)), file=out)


def main():
    torch.set_num_threads(1)
    with open(f"{sys.argv[1]}/draws.txt", "w") as out:
        write_draws(out)
    with open(f"{sys.argv[1]}/weights.txt", "w") as out:
        for name, scheme, seed, construct, initialise in NETS:
            torch.manual_seed(seed)
            net = construct()
            if initialise:
                initialise(net)
            weights = [(n, t) for n, t in net.state_dict().items() if "running" not in n and "num_batches" not in n]
            print("net", name, scheme, seed, len(weights), file=out)
            for n, t in weights:
                print(line(n, t), file=out)


main()
