"""The published DrMAD problem trained in PyTorch, eager: what a user of PyTorch would write.

    python3 torch_train.py STEPS THREADS        # DRMAD_DATA names the folder with reference/drmad-mnist

Speaks as numpy_train.py does. `torch.optim.SGD` with dampening equal to its momentum is the published update, once its
buffers exist: it would skip the dampening in its first step.
"""

import base64
import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = os.path.join(os.environ["DRMAD_DATA"], "reference", "drmad-mnist")


def raw(name, dtype):
    return np.fromfile(os.path.join(FOLDER, name + ".bin"), dtype)


with open(os.path.join(FOLDER, "task.json")) as file:
    TASK = json.load(file)
STEPS, THREADS = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(THREADS)
SIZES, ROWS = TASK["sizes"], TASK["batch"]
MEAN = raw("mean", "<f8")
BATCHES = torch.from_numpy(raw("batches", "<i4").reshape(-1, ROWS)[:STEPS].astype(np.int64))


def images(name):
    return torch.from_numpy(((raw(name, "u1").reshape(-1, SIZES[0]) / 255.0) - MEAN).astype(np.float32))


def labels(name):
    return torch.from_numpy(raw(name, "u1").astype(np.int64))


TRAIN_X, VALID_X = images("train_x"), images("valid_x")
TRAIN_Y, VALID_Y = labels("train_y"), labels("valid_y")
SHAPES = [shape for i, o in zip(SIZES, SIZES[1:]) for shape in ((i, o), (o,))]
Z0 = torch.from_numpy(raw("z0", "<f8").astype(np.float32)).split([int(np.prod(s)) for s in SHAPES])
L2 = float(np.exp(TASK["log_L2"]))
SCALE = [torch.full(shape, TASK["transform0"]).exp() for shape in SHAPES]

z = []


def logits(x):
    w = [p * s for p, s in zip(z, SCALE)]
    for i in range(0, len(w), 2):
        x = torch.addmm(w[i + 1], x, w[i])
        if i + 2 < len(w):
            x = torch.tanh(x)
    return x


def train():
    global z
    z = [p.clone().reshape(s).requires_grad_() for p, s in zip(Z0, SHAPES)]
    beta = TASK["beta"]
    optimizer = torch.optim.SGD(z, lr=TASK["alpha"], momentum=beta, dampening=beta)
    for p in z:
        optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    for rows in BATCHES:
        loss = F.cross_entropy(logits(TRAIN_X[rows]), TRAIN_Y[rows]) + L2 * sum(p.square().sum() for p in z)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def result():
    loss = F.cross_entropy(logits(VALID_X), VALID_Y).item()
    flat = torch.cat([p.detach().reshape(-1) for p in z]).numpy().astype("<f4")
    return {"loss": loss, "weights": base64.b64encode(flat.tobytes()).decode()}


def blas():
    """The matrix library that is loaded, and its speed at large products: a slow one makes the yardstick worthless."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line or "mkl" in line}
    a = torch.ones(1000, 1000)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    names = sorted({os.path.basename(os.path.realpath(p)) for p in paths})
    return f"{', '.join(names) or 'no BLAS library of its own'}, {2 / min(seconds):.0f} GFLOP/s"


def say(value):
    print(json.dumps(value), flush=True)


say({"versions": f"PyTorch {torch.__version__} (Python {sys.version.split()[0]}, {blas()})"})
for line in sys.stdin:
    if line.strip() == "result":
        say(result())
        continue
    cpu, start = time.process_time(), time.perf_counter()
    train()
    say({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu})
