#!/usr/bin/env python3
"""PyTorch's gradients of a LeNet-5, one file a point, for `gradzone compare`.

    python3 pytorch_gradients.py MODEL MNIST OUT [options]

MODEL is a safetensors checkpoint of lenet5 in fp32, or seed:N for what torch.manual_seed(N) draws (gradzone's
lenet5:init=torch with --seed N); MNIST is the folder of its files, OUT a folder.
"""
import argparse
import gzip
import json
import os
import struct
import sys

import numpy
import torch
from torch import nn

sys.dont_write_bytecode = True  # no __pycache__ among the documents
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "scripts"))
from save_gradients_pytorch import save_gradients, write_safetensors  # noqa: E402


def read_f32(path):
    """The weights of a checkpoint in fp32, without what a trainer keeps beside them."""
    with open(path, "rb") as file:
        data = file.read()
    end = 8 + struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8:end]).items():
        if name != "__metadata__" and not name.startswith("optimiser."):
            begin, stop = entry["data_offsets"]
            values = numpy.frombuffer(data[end + begin:end + stop], numpy.float32).reshape(entry["shape"])
            out[name] = torch.from_numpy(values.copy())
    return out


def images_and_labels(folder, split):
    def content(name, offset):
        path = os.path.join(folder, name)
        data = gzip.open(path + ".gz").read() if os.path.exists(path + ".gz") else open(path, "rb").read()
        return numpy.frombuffer(data, numpy.uint8, offset=offset)

    prefix = "train" if split == "train" else "t10k"
    x = content(prefix + "-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28).astype(numpy.float32)
    y = content(prefix + "-labels-idx1-ubyte", 8).astype(numpy.int64)
    return (torch.from_numpy(x) / 255 - 0.5) / 0.5, torch.from_numpy(y)


class AmaxPool(nn.Module):
    """A 2x2 max pool that splits the derivative of a tie evenly: `minimal`."""

    def forward(self, x):
        n, c, h, w = x.shape
        windows = nn.functional.unfold(x.reshape(n * c, 1, h, w), 2, stride=2)
        return windows.amax(dim=1).reshape(n, c, h // 2, w // 2)


def lenet5(pool):
    make = {"native": lambda: nn.MaxPool2d(2), "minimal": AmaxPool}[pool]
    features = nn.Sequential()
    for name, layer in (("0", nn.Conv2d(1, 6, 5)), ("1", nn.ReLU()), ("2", make()), ("4", nn.Conv2d(6, 16, 5)),
                        ("5", nn.ReLU()), ("6", make())):
        features.add_module(name, layer)
    classifier = nn.Sequential()
    for name, layer in (("0", nn.Linear(256, 120)), ("1", nn.ReLU()), ("3", nn.Linear(120, 84)), ("4", nn.ReLU()),
                        ("6", nn.Linear(84, 10))):
        classifier.add_module(name, layer)
    net = nn.Sequential()
    for name, layer in (("features", features), ("flatten", nn.Flatten()), ("classifier", classifier)):
        net.add_module(name, layer)
    return net


def flipped(gradient):
    """The sign of the entry of median size, among those that are not 0, is turned round."""
    out = gradient.clone()
    values = out.view(-1)
    order = values.abs().argsort()
    order = order[values[order] != 0]
    if len(order) > 0:
        values[order[len(order) // 2]] *= -1
    return out


DEFECTS = {"flip": ("features.4.weight", flipped), "scale": ("classifier.3.weight", lambda gradient: gradient * 1.01)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("mnist")
    parser.add_argument("out")
    parser.add_argument("--pool", choices=["native", "minimal"], default="native")
    parser.add_argument("--split", choices=["train", "test"], default="test")
    parser.add_argument("--points", type=int, default=200, help="the first points of the split")
    parser.add_argument("--batch", type=int, default=1, help="images of a point")
    parser.add_argument("--images", help="indices of images instead, comma-separated, a point each")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float64"], default="float32")
    parser.add_argument("--defect", choices=list(DEFECTS))
    parser.add_argument("--coarse", metavar="FILE", help="round weights and inputs to bfloat16; FILE gets those weights")
    options = parser.parse_args()

    if options.model.startswith("seed:"):
        torch.manual_seed(int(options.model[5:]))
        weights = lenet5("native").state_dict()
    else:
        weights = read_f32(options.model)
    x, y = images_and_labels(options.mnist, options.split)
    if options.coarse:
        weights = {name: values.bfloat16().float() for name, values in weights.items()}
        x = x.bfloat16().float()
        write_safetensors(options.coarse, weights)
    dtype = getattr(torch, options.dtype)
    net = lenet5(options.pool)
    net.load_state_dict(weights)
    net.to(dtype).eval()
    if options.defect:
        name, spoil = DEFECTS[options.defect]
        dict(net.named_parameters())[name].register_hook(spoil)
    if options.images:
        points = [[int(i)] for i in options.images.split(",")]
    else:
        points = [list(range(options.batch * k, options.batch * (k + 1))) for k in range(options.points)]
    os.makedirs(options.out, exist_ok=True)
    for images in points:
        file = os.path.join(options.out, f"{images[0]:05}.safetensors")
        save_gradients(file, net, x[images].to(dtype), y[images])


if __name__ == "__main__":
    main()
