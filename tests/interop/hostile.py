#!/usr/bin/env python3
"""Files that mean harm: each is refused in one line, within two seconds and 500 MB. Needs Python's own library only.

    hostile.py GRADZONE FOLDER [--seconds 2]

Prints what each file costs. Memory and the line are checked; time is where --seconds says so.
"""
import collections
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile

program, folder = sys.argv[1:3]
most_seconds = float(sys.argv[4]) if sys.argv[3:4] == ["--seconds"] else float("inf")
most_bytes = 500 << 20
files = {}


def make_files():
    # PyTorch: a zip archive with a pickle in it.

    def archive(name, data_pkl, more=(), compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(f"{folder}/{name}", "w", compression) as out:
            out.writestr("archive/data.pkl", data_pkl)
            out.writestr("archive/version", "3\n")
            for entry, content in more:
                out.writestr(f"archive/{entry}", content)
        files[name] = ["inspect", f"{folder}/{name}"]

    class Code:
        def __init__(self, function, *arguments):
            self.call = function, arguments

        def __reduce__(self):
            return self.call

    def tensor_pickle(size, stride, count=1):
        """What torch.save writes for {"w": tensor}, by hand."""
        return b"\x80\x02}" + tensor_item(size, stride, count) + b"s."

    def tensor_item(size, stride, count=1):
        size_, stride_ = (b"(" + b"".join(b"\x8a\x08" + v.to_bytes(8, "little") for v in t) + b"t" for t in (size, stride))
        storage = (b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
                   + b"J" + struct.pack("<i", count) + b"tQ")
        return (b"X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + size_ + stride_
                + b"\x89ccollections\nOrderedDict\n)RtR")

    archive("code-system.pth", pickle.dumps({"w": Code(os.system, "touch /tmp/gradzone-was-here")}, 2))
    archive("code-eval.pth", pickle.dumps(Code(eval, "1+1"), 4))
    archive("code-nested.pth", pickle.dumps(collections.OrderedDict(a=[Code(os.getenv, "HOME")]), 2))
    archive("bomb-deflated.pth", tensor_pickle((1,), (1,)), [("data/0", bytes(1 << 30))], zipfile.ZIP_DEFLATED)
    archive("dimension-2-60.pth", tensor_pickle((1 << 60, 1 << 10), (1, 1)), [("data/0", bytes(4))])
    archive("expanded.pth", tensor_pickle((1 << 31,), (0,)), [("data/0", bytes(4))])
    archive("outside.pth", tensor_pickle((4,), (1 << 62,), 4), [("data/0", bytes(16))])
    archive("nested.pth", b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".")
    archive("laughs.pth", b"\x80\x02]q\x000" + b"".join(b"](h%ch%ceq%c0" % (i, i, i + 1) for i in range(100)) + b"h\x64.")
    archive("memo.pth", b"\x80\x02" + b"".join(b"N" + b"r" + struct.pack("<I", 2 ** 32 - 1 - i) for i in range(1000)) + b".")
    archive("name-twice.pth", b"\x80\x02}(" + tensor_item((1,), (1,)) * 2 + b"u.", [("data/0", bytes(4))])
    archive("entry-twice.pth", tensor_pickle((1,), (1,)), [("data/0", bytes(4)), ("data/0", bytes(4))])
    with open(f"{folder}/code-legacy.pth", "wb") as out:
        for part in (0x1950a86a20f9469cfc6c, 1001, {"little_endian": True}, Code(os.system, "true"), []):
            pickle.dump(part, out, 2)
    files["code-legacy.pth"] = ["inspect", f"{folder}/code-legacy.pth"]

    def overlapping():
        """A thousand names for the same megabyte."""
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as out:
            out.writestr("archive/data.pkl", tensor_pickle((1,), (1,)))
            out.writestr("archive/data/0", bytes(1 << 20))
            for i in range(1, 1000):
                info = zipfile.ZipInfo(f"archive/data/{i}")
                first = out.getinfo("archive/data/0")
                info.header_offset, info.file_size, info.compress_size, info.CRC = (first.header_offset, 1 << 20, 1 << 20, first.CRC)
                out.filelist.append(info)
        with open(f"{folder}/overlapping.pth", "wb") as file:
            file.write(inner.getvalue())
        files["overlapping.pth"] = ["inspect", f"{folder}/overlapping.pth"]

    overlapping()

    # safetensors

    def safetensors(name, header, length=None):
        with open(f"{folder}/{name}", "wb") as out:
            out.write(struct.pack("<Q", len(header) if length is None else length) + header + bytes(16))
        files[name] = ["inspect", f"{folder}/{name}"]

    safetensors("header.safetensors", b"{}", 1 << 63)
    safetensors("dimension.safetensors", b'{"w":{"dtype":"F32","shape":[1152921504606846976,16],"data_offsets":[0,16]}}')
    safetensors("twice.safetensors", b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}')
    safetensors("deep.safetensors", b'{"w":' + b"[" * 1_000_000)

    # ONNX: protobuf by hand.

    def varint(n):
        out = b""
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])

    def field(number, content):
        if isinstance(content, int):
            return varint(number << 3) + varint(content)
        if isinstance(content, str):
            content = content.encode()
        return varint(number << 3 | 2) + varint(len(content)) + content

    def node(op, inputs, output, *attributes):
        return field(1, b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, op) + b"".join(attributes))

    def initialiser(name, dims, raw=b"", external=None):
        out = b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name)
        if external is None:
            return field(5, out + field(9, raw))
        return field(5, out + field(13, field(1, "location") + field(2, external)) + field(14, 1))

    def onnx(name, graph, dims=(1, 1, 4, 4)):
        shape = b"".join(field(1, field(1, d)) for d in dims)
        value = field(11, field(1, "x") + field(2, field(1, field(1, 1) + field(2, shape)))) + field(12, field(1, "y"))
        with open(f"{folder}/{name}", "wb") as out:
            out.write(field(1, 7) + field(8, field(2, 13)) + field(7, graph + value))
        files[name] = ["inspect", f"{folder}/{name}"]

    flat = node("Flatten", ["x"], "f")
    matmul = flat + node("MatMul", ["f", "w"], "y")
    os.makedirs(f"{folder}/sub", exist_ok=True)
    with open(f"{folder}/secret.bin", "wb") as out:
        out.write(bytes(16 * 3 * 4))
    onnx("cycle.onnx", node("Add", ["b", "x"], "a") + node("Relu", ["a"], "b") + node("Flatten", ["b"], "y"))
    onnx("dimension.onnx", initialiser("w", [1 << 60, 16]) + matmul)
    onnx("input-dimension.onnx", flat + node("Relu", ["f"], "y"), (1, 1 << 31, 1 << 31, 4))
    onnx("no-data.onnx", initialiser("w", [16, 3]) + matmul)
    onnx("external-missing.onnx", initialiser("w", [16, 3], external="none.bin") + matmul)
    onnx("external-absolute.onnx", initialiser("w", [16, 3], external="/etc/passwd") + matmul)
    onnx("sub/external-up.onnx", initialiser("w", [16, 3], external="../secret.bin") + matmul)
    if not os.path.islink(f"{folder}/sub/link.bin"):
        os.symlink("../secret.bin", f"{folder}/sub/link.bin")
    onnx("sub/external-link.onnx", initialiser("w", [16, 3], external="link.bin") + matmul)
    onnx("external-device.onnx", initialiser("w", [16, 3], external="../../../../../../dev/zero") + matmul)
    onnx("twice.onnx", initialiser("w", [16, 3], bytes(192)) * 2 + matmul)
    onnx("value-twice.onnx", flat + node("Relu", ["x"], "f") + node("Relu", ["f"], "y"))
    onnx("empty-nodes.onnx", b"\x0a\x00" * 20_000_000)
    onnx("integers.onnx", field(5, field(1, 1 << 27) + field(2, 7) + field(8, "w") + field(7, bytes(1 << 27))) + matmul)
    onnx("reused.onnx", initialiser("w", [1, 1, 500, 500], bytes(1_000_000))
         + b"".join(node("Conv", [f"v{i}" if i else "x", "w"], f"v{i + 1}", field(5, field(1, "pads") + b"".join(field(8, p) for p in (250, 250, 249, 249)) + field(20, 7)))
                    for i in range(15_000)) + node("Flatten", ["v15000"], "y"))
    nested = b""
    for _ in range(200):
        nested = field(1, field(4, "If") + field(2, "y") + field(5, field(1, "then_branch") + field(6, nested) + field(20, 5)))
    onnx("subgraphs.onnx", nested)
    onnx("widening.onnx", b"".join(node("Concat", [f"c{i}" if i else "x"] * 2, f"c{i + 1}", field(5, field(1, "axis") + field(3, 1) + field(20, 2)))
                                   for i in range(60)) + node("Flatten", ["c60"], "y"))
    onnx("random.onnx", os.urandom(100_000))

    # NumPy's archives

    def npz(name, entries, compression=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(f"{folder}/{name}", "w", compression) as out:
            for entry, content in entries:
                out.writestr(entry, content)
        files[name] = ["audit", "--model", "lenet5:init=torch", "--data", f"npz:{folder}/{name}", "--out", f"{folder}/out"]

    def npy(shape, content, kind="|u1"):
        header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content

    labels = ("y.npy", npy("(1,)", bytes(8), "<i8"))
    npz("bomb.npz", [("x.npy", npy("(1, 28, 28)", bytes(1 << 30))), labels])
    npz("dimension.npz", [("x.npy", npy("(1152921504606846976, 28, 28)", bytes(784))), labels])
    npz("twice.npz", [("x.npy", npy("(1, 28, 28)", bytes(784)))] * 2 + [labels])


def measure(name, arguments):
    before = time.monotonic()
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    text = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, peak = time.monotonic() - before, usage.ru_maxrss * 1024
    lines = text.splitlines()
    good = (process.returncode == 3 and len(lines) == 1 and lines[0].startswith("gradzone: ") and peak <= most_bytes
            and seconds <= most_seconds)
    print(f"{'ok ' if good else 'BAD'} {name:24} exit {process.returncode}  {seconds:5.2f} s  {peak / 2**20:4.0f} MiB  "
          + "\n    ".join(line[:160] for line in lines))
    return good


if "--measure" in sys.argv:  # in a process that has not grown by making the files: its children would inherit that
    results = [measure(name, arguments) for name, arguments in json.loads(sys.stdin.read()).items()]
    assert not os.path.exists("/tmp/gradzone-was-here"), "code of a file was run"
    print(f"{sum(results)} of {len(results)} refused as they should be")
    sys.exit(0 if all(results) else 1)
make_files()
sys.exit(subprocess.run([sys.executable, *sys.argv, "--measure"], input=json.dumps(files), text=True).returncode)
