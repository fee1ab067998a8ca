"""The published DrMAD problem trained by a hand-written NumPy float32 program: the yardstick of `npm run bench`.

    python3 numpy_train.py STEPS        # DRMAD_DATA names the folder with reference/drmad-mnist

A line "plain" on standard input runs one training and is answered with a line of JSON: wall and CPU seconds. "result" is
answered with the validation loss and the weights after the last training. Threads are set by OPENBLAS_NUM_THREADS.

Weights, velocity and gradient are flat vectors of which the layers are views, so that an update is a handful of passes over
one array; every array of the loop is allocated once. Constants that touch the same array are multiplied beforehand.
"""

import base64
import json
import os
import sys
import time

import numpy as np

FOLDER = os.path.join(os.environ["DRMAD_DATA"], "reference", "drmad-mnist")


def raw(name, dtype):
    return np.fromfile(os.path.join(FOLDER, name + ".bin"), dtype)


with open(os.path.join(FOLDER, "task.json")) as file:
    TASK = json.load(file)
STEPS = int(sys.argv[1])
SIZES, ROWS = TASK["sizes"], TASK["batch"]
MEAN = raw("mean", "<f8")
BATCHES = raw("batches", "<i4").reshape(-1, ROWS)[:STEPS].astype(np.intp)


def images(name):
    return ((raw(name, "u1").reshape(-1, SIZES[0]) / 255.0) - MEAN).astype(np.float32)


TRAIN_X, VALID_X = images("train_x"), images("valid_x")
TRAIN_Y, VALID_Y = raw("train_y", "u1").astype(np.intp), raw("valid_y", "u1").astype(np.intp)
Z0 = raw("z0", "<f8").astype(np.float32)


def layers(flat):
    """(W, b) of every layer as views of a flat vector."""
    result, at = [], 0
    for inputs, units in zip(SIZES, SIZES[1:]):
        result.append((flat[at : at + inputs * units].reshape(inputs, units), flat[at + inputs * units :][:units]))
        at += (inputs + 1) * units
    return result


SCALE = np.exp(np.full(Z0.size, TASK["transform0"], np.float32))  # eᵗ: w = z eᵗ
L2 = np.exp(TASK["log_L2"])
ALPHA, GAMMA = np.float32(TASK["alpha"]), np.float32(TASK["beta"])
GRADIENT_SCALE = -(1 - GAMMA) * SCALE  # d/dw to what is added to the velocity
PENALTY_SCALE = np.float32(-(1 - TASK["beta"]) * 2 * L2)

z, v, w, g, scratch = (np.empty_like(Z0) for _ in range(5))
W, G = layers(w), layers(g)
DEPTH = len(W)
x = np.empty((ROWS, SIZES[0]), np.float32)
ACTIVATIONS = [x] + [np.empty((ROWS, units), np.float32) for units in SIZES[1:]]
DELTAS = [np.empty((ROWS, units), np.float32) for units in SIZES[1:]]
SLOPES = [np.empty((ROWS, units), np.float32) for units in SIZES[1:-1]]
ONE_HOT = np.eye(SIZES[-1], dtype=np.float32)[TRAIN_Y]
labels = np.empty((ROWS, SIZES[-1]), np.float32)


def train():
    np.copyto(z, Z0)
    v.fill(0)
    for rows in BATCHES:
        np.take(TRAIN_X, rows, axis=0, out=x, mode="clip")
        np.take(ONE_HOT, rows, axis=0, out=labels, mode="clip")
        np.multiply(z, SCALE, out=w)
        for i, (weights, bias) in enumerate(W):
            out = ACTIVATIONS[i + 1]
            np.matmul(ACTIVATIONS[i], weights, out=out)
            out += bias
            if i + 1 < DEPTH:
                np.tanh(out, out=out)
        delta = DELTAS[-1]
        np.subtract(out, out.max(axis=1, keepdims=True), out=delta)
        np.exp(delta, out=delta)
        delta /= delta.sum(axis=1, keepdims=True)
        delta -= labels
        delta *= np.float32(1 / ROWS)
        for i in range(DEPTH - 1, -1, -1):
            np.matmul(ACTIVATIONS[i].T, DELTAS[i], out=G[i][0])
            DELTAS[i].sum(axis=0, out=G[i][1])
            if i > 0:
                np.matmul(DELTAS[i], W[i][0].T, out=DELTAS[i - 1])
                slope = SLOPES[i - 1]
                np.multiply(ACTIVATIONS[i], ACTIVATIONS[i], out=slope)
                np.subtract(1, slope, out=slope)
                np.multiply(DELTAS[i - 1], slope, out=DELTAS[i - 1])
        # v ← γ v − (1−γ) (g eᵗ + 2 λ z);  z ← z + α v
        np.multiply(v, GAMMA, out=v)
        np.multiply(g, GRADIENT_SCALE, out=g)
        np.add(v, g, out=v)
        np.multiply(z, PENALTY_SCALE, out=scratch)
        np.add(v, scratch, out=v)
        np.multiply(v, ALPHA, out=scratch)
        np.add(z, scratch, out=z)


def result():
    out = VALID_X
    for i, (weights, bias) in enumerate(layers(z * SCALE)):
        out = out @ weights + bias
        if i + 1 < DEPTH:
            out = np.tanh(out)
    out = out - out.max(axis=1, keepdims=True)
    losses = np.log(np.exp(out).sum(axis=1)) - out[np.arange(len(VALID_Y)), VALID_Y]
    return {"loss": float(losses.mean()), "weights": base64.b64encode(z.astype("<f4").tobytes()).decode()}


def blas():
    """The matrix library that is loaded, and its speed at large products: a slow one makes the yardstick worthless."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line or "mkl" in line}
    a = np.ones((1000, 1000), np.float32)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        np.matmul(a, a)
        seconds.append(time.perf_counter() - start)
    names = sorted({os.path.basename(os.path.realpath(p)) for p in paths})
    return f"{', '.join(names) or 'no BLAS library'}, {2 / min(seconds):.0f} GFLOP/s"


def say(value):
    print(json.dumps(value), flush=True)


say({"versions": f"NumPy {np.__version__} (Python {sys.version.split()[0]}, {blas()})"})
for line in sys.stdin:
    if line.strip() == "result":
        say(result())
        continue
    cpu, start = time.process_time(), time.perf_counter()
    train()
    say({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu})
