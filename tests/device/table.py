#!/usr/bin/env python3
"""Tables of tests/device/run.sh: `steps FOLDER`, `reference FOLDER WORK` and `kernels FILE.csv`."""
import collections
import csv
import glob
import json
import os
import re
import sys

# Of an H100 SXM: 132 multiprocessors, 128 fused multiply-adds a clock, 1.98 GHz; and its tensor cores.
PEAK_TFLOPS = 66.9
TENSOR_CORES_TFLOPS = {'fp16-tc': 989.4, 'bf16-tc': 989.4, 'amp16-tc': 989.4, 'tf32-tc': 494.7}


def conv(size, kernel, inputs, outputs):
    return size * size * kernel * kernel * inputs * outputs


def multiply_adds(net):
    """Of a sample's forward pass, and of its first layer (which has no input gradient). Padding counts as if it
    were multiplied, as is usual; here it is skipped."""
    if net == 'lenet5':
        first = conv(24, 5, 1, 6)
        return first + conv(8, 5, 6, 16) + 256 * 120 + 120 * 84 + 84 * 10, first
    first = conv(32, 3, 3, 64)
    if net == 'vgg11':
        rest = [(16, 64, 128), (8, 128, 256), (8, 256, 256), (4, 256, 512), (4, 512, 512), (2, 512, 512), (2, 512, 512)]
        return first + sum(conv(s, 3, i, o) for s, i, o in rest) + 512 * 10, first
    assert net == 'resnet18-bn'  # its images are pooled once before the blocks
    total, inputs = first, 64
    for size, width in ((16, 64), (8, 128), (4, 256), (2, 512)):
        total += conv(size, 3, inputs, width) + 3 * conv(size, 3, width, width)
        if inputs != width:
            total += conv(size, 1, inputs, width)
        inputs = width
    return total + 512 * 10, first


def steps(folder):
    """PyTorch's time is that of fp32, or for a format of tensor cores that of its own use of them."""
    print('| step of 128 images | ms | TFLOP/s | of the peak | PyTorch, ms | times as fast |')
    print('|---|---|---|---|---|---|')
    for path in sorted(glob.glob(os.path.join(folder, 'step-*.json'))):
        with open(path) as file:
            own = json.load(file)
        net, form = re.fullmatch(r'step-(.*)-([a-z]+\d+(?:-tc)?)\.json', os.path.basename(path)).groups()
        total, first = multiply_adds(net)
        rate = 2 * (3 * total - first) * 128 / own['minimum_s'] / 1e12
        peer = 'torch-%s-%s.json' % (net, form) if form in TENSOR_CORES_TFLOPS else 'torch-%s.json' % net
        try:
            with open(os.path.join(folder, peer)) as file:
                seconds = json.load(file)['median_s']
            beside = '%.3f | %.2f' % (1000 * seconds, seconds / own['median_s'])
        except (OSError, ValueError):
            beside = '? | ?'
        print('| %s %s | %.3f (minimum %.3f) | %.1f | %.0f %% | %s |' % (
            net, form, 1000 * own['median_s'], 1000 * own['minimum_s'], rate,
            100 * rate / TENSOR_CORES_TFLOPS.get(form, PEAK_TFLOPS), beside))


def reference(folder, work):
    """Seconds of `work` on the card and on the CPU. Exits with 1 if they did not find the same."""
    found = {}
    for device in ('cuda', 'cpu'):
        try:
            with open(os.path.join(folder, 'reference-%s-%s.json' % (work, device))) as file:
                found[device] = json.load(file)
        except (OSError, ValueError):
            sys.exit(1)
    print('%s: %.2f s on the card, %.2f s on the CPU, %s' % (
        work, found['cuda']['median_s'], found['cpu']['median_s'], found['cuda']['branches']))
    sys.exit(found['cuda']['fingerprint'] != found['cpu']['fingerprint'])


def kernels(path):
    """Time by kernel body and tile, of all launches that ncu saw."""
    with open(path) as file:
        lines = [line for line in file if line.startswith('"')]
    times, counts = collections.Counter(), collections.Counter()
    for row in csv.DictReader(lines):
        name = row['Kernel Name']
        body = re.search(r'run_body<(.*)', name)
        key = re.sub(r'gradzone::(device::)?|\(int\)|\(bool\)|struct |class ', '', body.group(1) if body else name)[:110]
        scale = {'ns': 1e-6, 'nsecond': 1e-6, 'us': 1e-3, 'usecond': 1e-3, 'ms': 1, 'msecond': 1}[row['Metric Unit']]
        times[key] += float(row['Metric Value'].replace(',', '')) * scale
        counts[key] += 1
    print('%s: %.3f ms in %d launches' % (os.path.basename(path), sum(times.values()), sum(counts.values())))
    for key, time in times.most_common(16):
        print('%9.3f ms %4d x %s' % (time, counts[key], key))


if __name__ == '__main__':
    {'steps': steps, 'reference': reference, 'kernels': kernels}[sys.argv[1]](*sys.argv[2:])
