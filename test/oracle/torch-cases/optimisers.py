"""Writes optimisers.json beside this file: five steps of PyTorch's optimisers (float64, Python 3, torch 1.13) with given gradients.

    python3 optimisers.py && npx prettier --write optimisers.json

The first weight's gradient is always 0, the second's for two steps, the third's never.
"""

import json
import pathlib

import torch

START = [0.5, -1.0, 2.0]
GRADIENTS = [[0.0, 0.0, 0.3], [0.0, 0.0, -1.2], [0.0, 0.7, 0.05], [0.0, -0.2, 2.0], [0.0, 0.1, -0.4]]

CASES = {
    "heavyBall": lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.8),
    "nesterov": lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.8, nesterov=True),
    "rmsprop": lambda w: torch.optim.RMSprop(w, lr=0.05, alpha=0.9, eps=1e-3),
    "adagrad": lambda w: torch.optim.Adagrad(w, lr=0.3, eps=1e-3),
    "adadelta": lambda w: torch.optim.Adadelta(w, lr=0.7, rho=0.8, eps=1e-3),
    "adam": lambda w: torch.optim.Adam(w, lr=0.1, betas=(0.8, 0.95), eps=1e-3),
    "adam, defaults": lambda w: torch.optim.Adam(w, lr=0.1),
    "adamW": lambda w: torch.optim.AdamW(w, lr=0.1, betas=(0.4, 0.3), eps=1e-3, weight_decay=0.2),
}


def trajectory(make):
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimiser = make([w])
    steps = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient, dtype=torch.float64)
        optimiser.step()
        steps.append(w.tolist())
    return steps


found = {"start": START, "gradients": GRADIENTS, "weights": {name: trajectory(make) for name, make in CASES.items()}}
pathlib.Path(__file__).with_name("optimisers.json").write_text(json.dumps(found, indent=1) + "\n")
