#!/usr/bin/env python3
"""Training steps in PyTorch: forward, loss, backward, SGD with momentum and weight decay.

    python3 tests/bench/peer_pytorch.py --net vgg11 --batch 128 --threads 2 [--format fp64] [--beta 1]
    python3 tests/bench/peer_pytorch.py --beside build/release/apps/gradzone/gradzone

The first measures one step and prints JSON; the second measures the steps of the table below in turn, PyTorch and
`gradzone bench step`, and prints both and their ratio. Debian: apt-get install python3-torch. With --beta the max
pools are hybrid layers, computed forward and backward by the operations that the paper's program uses. On a card
--amp fp16 or bf16 steps under autocast (fp16 with GradScaler), and --tf32 multiplies in TF32; both with images
channels last and cudnn.benchmark, as PyTorch is fastest.
"""
import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
import torch.nn.functional as functional


class MinimalMaxPool(torch.autograd.Function):
    """2x2 max pool whose gradient is shared by all maximal entries: what autograd is told, step by step."""

    @staticmethod
    def forward(ctx, x):
        n, c, h, w = x.shape
        windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = windows.amax(dim=(3, 5))
        ctx.save_for_backward(windows, y)
        return y

    @staticmethod
    def backward(ctx, g):
        windows, y = ctx.saved_tensors
        n, c, i, _, j, _ = windows.shape
        maximal = windows == y.reshape(n, c, i, 1, j, 1)
        dx = torch.zeros_like(windows)
        dx[maximal] = g.reshape(n, c, i, 1, j, 1).expand_as(windows)[maximal]
        dx /= maximal.sum(dim=(3, 5), keepdim=True)
        return dx.reshape(n, c, 2 * i, 2 * j)


class HybridMaxPool(nn.Module):
    """beta times the minimal pool plus (1 - beta) times the native one, both computed whatever beta is: the
    operations of boustany2024's layer."""

    def __init__(self, beta):
        super().__init__()
        self.beta = beta

    def forward(self, x):
        return self.beta * MinimalMaxPool.apply(x) + (1 - self.beta) * functional.max_pool2d(x, 2)


def lenet5(pool):
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), pool(), nn.Conv2d(6, 16, 5), nn.ReLU(), pool(), nn.Flatten(),
                         nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)), (1, 28, 28)


def vgg11(pool):
    layers, channels = [], 3
    for width in (64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'):
        if width == 'M':
            layers.append(pool())
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10)), (3, 32, 32)


class BasicBlock(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.down = None
        if stride != 1 or channels != width:
            self.down = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (self.down(x) if self.down else x))


def resnet18_bn(pool):
    layers, channels = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), pool()], 64
    for stage, width in enumerate((64, 128, 256, 512)):
        for block in range(2):
            layers.append(BasicBlock(channels, width, 2 if stage > 0 and block == 0 else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)), (3, 32, 32)


NETS = {'lenet5': lenet5, 'vgg11': vgg11, 'resnet18-bn': resnet18_bn}


# net, format, beta (None: native), steps in PyTorch and in gradzone
TABLE = [('lenet5', 'fp32', None, 100, 300), ('lenet5', 'fp32', 1, 40, 300), ('vgg11', 'fp32', None, 5, 5),
         ('vgg11', 'fp32', 1, 5, 5), ('resnet18-bn', 'fp32', 1, 4, 5), ('vgg11', 'fp64', None, 1, 3)]


def run_json(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def beside(gradzone, batch, threads):
    """Prints a table of samples per second and peak memory, every line measured here and now."""
    print('| step, batch %d, %d threads | PyTorch | gradzone | ratio | peak MiB |' % (batch, threads))
    print('|---|---|---|---|---|')
    ours = {}
    for net, form, beta, peer_steps, steps in TABLE:
        common = ['--net', net, '--batch', str(batch), '--threads', str(threads), '--format', form]
        pool = [] if beta is None else ['--beta', str(beta)]
        peer = run_json([sys.executable, __file__, *common, *pool, '--steps', str(peer_steps)])
        own = run_json([gradzone, 'bench', 'step', *common, *pool, '--points', str(steps), '--quiet', '--json', '-'])
        ours[net, form, beta] = own['samples_per_s']
        print('| %s %s %s | %.0f | %.0f | %.2f | %.0f, %.0f |' % (
            net, form, 'native' if beta is None else 'beta = %g' % beta, peer['samples_per_s'], own['samples_per_s'],
            own['samples_per_s'] / peer['samples_per_s'], peer['peak_mib'], own['peak_memory_mib']), flush=True)
    reference = ours['vgg11', 'fp32', None]
    for form, count in (('fp16', threads), ('bf16', threads), ('fp32', 1)):
        own = run_json([gradzone, 'bench', 'step', '--net', 'vgg11', '--batch', str(batch), '--format', form,
                        '--threads', str(count), '--points', '4', '--quiet', '--json', '-'])
        print('vgg11 %s, %d threads: %.0f samples/s, %.2f of fp32 on %d' % (
            form, count, own['samples_per_s'], own['samples_per_s'] / reference, threads))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--net', choices=NETS, default='lenet5')
    parser.add_argument('--beside', metavar='GRADZONE', help='compare with this program')
    parser.add_argument('--batch', type=int, default=128)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--steps', type=int, default=10)
    parser.add_argument('--format', choices=['fp32', 'fp64'], default='fp32')
    parser.add_argument('--beta', type=float)
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--amp', choices=['fp16', 'bf16'])
    parser.add_argument('--tf32', action='store_true')
    args = parser.parse_args()
    if args.beside:
        return beside(args.beside, args.batch, args.threads)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    pool = (lambda: nn.MaxPool2d(2)) if args.beta is None else (lambda: HybridMaxPool(args.beta))
    net, shape = NETS[args.net](pool)
    dtype = torch.float64 if args.format == 'fp64' else torch.float32
    # Otherwise binary32 means binary32.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.tf32
    tensor_cores = args.tf32 or args.amp is not None
    torch.backends.cudnn.benchmark = tensor_cores
    layout = torch.channels_last if tensor_cores else torch.contiguous_format
    net = net.to(args.device, dtype, memory_format=layout)
    scaler = getattr(torch.amp, 'GradScaler', torch.cuda.amp.GradScaler)(enabled=args.amp == 'fp16')
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    x = torch.randn(args.batch, *shape, dtype=dtype).to(args.device, memory_format=layout)
    labels = torch.randint(0, 10, (args.batch,)).to(args.device)
    seconds = []
    for step in range(args.steps + 2):
        begin = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(args.device, torch.float16 if args.amp == 'fp16' else torch.bfloat16, args.amp is not None):
            loss = functional.cross_entropy(net(x), labels)
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
        if args.device == 'cuda':
            torch.cuda.synchronize()
        if step >= 2:
            seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    print(json.dumps({'torch': torch.__version__, 'net': args.net, 'batch': args.batch, 'threads': args.threads,
                      'device': args.device, 'format': args.format, 'amp': args.amp, 'tf32': args.tf32, 'beta': args.beta, 'median_s': median, 'min_s': min(seconds),
                      'max_s': max(seconds), 'samples_per_s': args.batch / median,
                      'peak_mib': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == '__main__':
    main()
