#!/usr/bin/env python3
# Writes the small files beside it with other programs' libraries (Debian 12: python3-pil 9.4, python3-scipy 1.10,
# python3-numpy 1.24), and prints what golden_data_test.cpp expects of them.
import hashlib

import numpy as np
import scipy.io
from PIL import Image


def pattern(height, width):
    row, column, channel = np.indices((height, width, 3))
    return ((row * row * 7 + column * 13 * (channel + 1) + row * column * 3 + channel * 91) % 256).astype(np.uint8)


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


for height, width, new_height, new_width in [(37, 53, 16, 24), (16, 24, 37, 53), (50, 20, 20, 50), (300, 7, 9, 7), (5, 5, 5, 11)]:
    scaled = Image.fromarray(pattern(height, width)).resize((new_width, new_height), Image.BILINEAR)
    print("resize", height, width, new_height, new_width, sha256(np.asarray(scaled)))

for mode, name in [("RGB", "rgb"), ("L", "grey"), ("CMYK", "cmyk")]:
    Image.fromarray(pattern(12, 10)).convert(mode).save(name + ".jpg", quality=90)
Image.fromarray(pattern(12, 10)).save("rgb.png")
Image.fromarray(pattern(12, 10)).convert("P").save("palette.png")
Image.fromarray(np.dstack([pattern(12, 10), np.where(np.indices((12, 10))[0] < 6, 255, 0).astype(np.uint8)])).save("alpha.png")
for name in ["rgb.jpg", "grey.jpg", "cmyk.jpg", "rgb.png", "palette.png"]:
    print(name, sha256(np.asarray(Image.open(name).convert("RGB"))))

# SVHN: X[row, column, channel, image], y with 10 for the digit 0.
x = np.stack([pattern(32, 32) // 16 * (i + 1) for i in range(3)], axis=3)
y = np.array([[10], [1], [9]])
scipy.io.savemat("svhn.mat", {"X": x, "y": y.astype(np.uint8)}, do_compression=True)
scipy.io.savemat("svhn-double-labels.mat", {"X": x, "y": y.astype(np.float64)}, do_compression=True)
scipy.io.savemat("svhn-double-images.mat", {"X": x[:2, :2].astype(np.float64), "y": y}, do_compression=True)
scipy.io.savemat("svhn-no-labels.mat", {"X": x}, do_compression=True)
scipy.io.savemat("svhn-label-11.mat", {"X": x, "y": np.array([[1], [11], [2]], np.uint8)}, do_compression=True)
scipy.io.savemat("svhn-two-labels.mat", {"X": x, "y": y[:2].astype(np.uint8)}, do_compression=True)
print("svhn", sha256(x.transpose(3, 2, 0, 1)))

np.save("u1.npy", np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
np.save("f4.npy", np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 1, 3, 4))
np.save("i8.npy", np.array([3, 1]))
np.save("fortran.npy", np.asfortranarray(np.zeros((3, 4), np.uint8)))
np.save("big-endian.npy", np.zeros(3, ">i4"))

# NPZ: Keras' names, stored and deflated; images last in their channels, by columns.
images = pattern(4, 5)[None].repeat(3, axis=0) // np.arange(1, 4, dtype=np.uint8)[:, None, None, None]
np.savez("stored.npz", x_train=images.transpose(0, 3, 1, 2), y_train=np.array([2, 0, 1]),
         x_test=images[:1].transpose(0, 3, 1, 2), y_test=np.array([[1]], np.uint8))
np.savez_compressed("deflated.npz", images=np.asfortranarray(images), floats=images[:, :, :, 0] / 255.0)
print("npz", sha256(images.transpose(0, 3, 1, 2)))
