"""Hypergradients of small problems by PyTorch in float64, written to cases.json beside this file.

    python3 generate.py && npx prettier --write cases.json

`exact` differentiates the whole unrolled training with autograd. `drmad` and `drmadTenth` are the adjoint sweep over the
straight line between the first and the last weights, written out. All inputs are formulas in whole numbers, so that
cases.ts has the same bits without files. Gradients are in the unconstrained coordinates u.
"""
import json
import os

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

SIZES = [6, 5, 3]
ROWS, VALID_ROWS, BATCH = 20, 12, 4


def formula(seed, *shape):
    count = 1
    for d in shape:
        count *= d
    values = [(((i + 3) * (i + 7 * seed + 5) * 37 + 11 * i * seed) % 1009) / 504.5 - 1 for i in range(count)]
    return torch.tensor(values).reshape(shape)


def labels(seed, n):
    return torch.tensor([((i + seed) * (i + 1) // 2) % 3 for i in range(n)])


X, Y = formula(1, ROWS, 6), labels(1, ROWS)
VALID_X, VALID_Y = formula(2, VALID_ROWS, 6), labels(2, VALID_ROWS)

SHAPES = []
for i in range(len(SIZES) - 1):
    SHAPES += [(f"{i}.W", (SIZES[i], SIZES[i + 1])), (f"{i}.b", (SIZES[i + 1],))]
DRAWN = [0.6 * formula(3 + k, *shape) for k, (_, shape) in enumerate(SHAPES)]


def rows(t):
    return torch.tensor([(5 * t + 3 * i + t * i) % ROWS for i in range(BATCH)])


def network(w, x):
    return torch.tanh(x @ w[0] + w[1]) @ w[2] + w[3]


def cross_entropy(logits, y, weights=None):
    each = -torch.log_softmax(logits, 1)[torch.arange(len(y)), y]
    return (each if weights is None else weights * each).mean()


def l2(w, penalties):
    return sum((p * x**2).sum() for p, x in zip(penalties, w))


def plain_valid(w, u):
    return cross_entropy(network(w, VALID_X), VALID_Y)


def minibatch_momentum():
    """One L2 penalty for each input of every layer (and one for the biases of each), e^u."""
    u = {}
    for k, (name, shape) in enumerate(SHAPES):
        u[f"l2.{name}"] = -3 + 0.5 * formula(11 + k, *([shape[0], 1] if len(shape) == 2 else [1]))

    def loss(w, u, t):
        penalties = [torch.exp(u[f"l2.{name}"]) for name, _ in SHAPES]
        return cross_entropy(network(w, X[rows(t)]), Y[rows(t)]) + l2(w, penalties)

    return dict(
        name="minibatch momentum, L2 per input", steps=12, start=u, loss=loss, valid=plain_valid,
        rate=lambda u, t: [torch.tensor(0.3)] * 4, decay=lambda u, t: [torch.tensor(0.9)] * 4,
    )  # fmt: skip


def schedules():
    """A rate for each step times a rate for each weight, both e^u; a decay for each layer, sigmoid(u)."""
    u = {"schedule": -1 + 0.4 * formula(21, 8)}
    for k, (name, shape) in enumerate(SHAPES):
        u[f"rate.{name}"] = 0.3 * formula(22 + k, *shape)
    u["decay.0"] = torch.tensor(1.2)
    u["decay.1"] = torch.tensor(-0.4)
    return dict(
        name="rate per step and per weight, decay per layer", steps=8, start=u, valid=plain_valid,
        loss=lambda w, u, t: cross_entropy(network(w, X[rows(t)]), Y[rows(t)]),
        rate=lambda u, t: [torch.exp(u["schedule"][t]) * torch.exp(u[f"rate.{name}"]) for name, _ in SHAPES],
        decay=lambda u, t: [torch.sigmoid(u[f"decay.{name[0]}"]) for name, _ in SHAPES],
    )  # fmt: skip


def initial_scale():
    """Plain gradient descent on all rows: initial scales, a bounded rate and penalty, a weight for each example."""
    u = {
        "scale.0": torch.tensor(0.7),
        "scale.1": torch.tensor(-0.3),
        "rate": torch.tensor(0.5),
        "penalty": torch.tensor(-1.5),
        "examples": 0.5 + formula(31, ROWS),
    }

    def bounded(x, low, high):
        return low + (high - low) * torch.sigmoid(x)

    def penalty(u):
        return bounded(u["penalty"], 0.001, 0.2)

    softplus = torch.nn.functional.softplus
    return dict(
        name="initial scale, bounded rate and penalty, example weights", steps=10, start=u,
        initial=lambda u: [softplus(u[f"scale.{name[0]}"]) * w for (name, _), w in zip(SHAPES, DRAWN)],
        loss=lambda w, u, t: cross_entropy(network(w, X), Y, softplus(u["examples"])) + l2(w, [penalty(u)] * 4),
        valid=lambda w, u: plain_valid(w, u) + l2(w, [0.1 * penalty(u)] * 4),
        rate=lambda u, t: [bounded(u["rate"], 0.01, 0.9)] * 4, decay=lambda u, t: [torch.tensor(0.0)] * 4,
    )  # fmt: skip


def reparametrised():
    """Weights z e^u in both losses, as in the published problem."""
    u = {f"t.{name}": 0.2 + 0.3 * formula(41 + k, *shape) for k, (name, shape) in enumerate(SHAPES)}

    def used(z, u):
        return [x * torch.exp(u[f"t.{name}"]) for (name, _), x in zip(SHAPES, z)]

    return dict(
        name="reparametrised weights", steps=40, start=u,
        loss=lambda z, u, t: cross_entropy(network(used(z, u), X[rows(t)]), Y[rows(t)]) + l2(z, [0.02] * 4),
        valid=lambda z, u: cross_entropy(network(used(z, u), VALID_X), VALID_Y),
        rate=lambda u, t: [torch.tensor(0.2)] * 4, decay=lambda u, t: [torch.tensor(0.8)] * 4,
    )  # fmt: skip


def gradient_of(loss, w, u, t):
    return torch.autograd.grad(loss(w, u, t), w, create_graph=True)


def train(case, u):
    w = case["initial"](u) if "initial" in case else [x.clone() for x in DRAWN]
    w = [x if x.requires_grad else x.requires_grad_() for x in w]
    first, v = w, [torch.zeros(shape) for _, shape in SHAPES]
    for t in range(case["steps"]):
        g = gradient_of(case["loss"], w, u, t)
        v = [c * a - (1 - c) * b for a, b, c in zip(v, g, case["decay"](u, t))]
        w = [x + r * a for x, a, r in zip(w, v, case["rate"](u, t))]
    return first, w


def zeros_for_none(values, like):
    return [torch.zeros_like(x) if v is None else v for v, x in zip(values, like)]


def gradient_in(y, u):
    return zeros_for_none(torch.autograd.grad(y, list(u.values()), retain_graph=True, allow_unused=True), u.values())


def exact(case):
    u = {name: value.clone().requires_grad_() for name, value in case["start"].items()}
    _, last = train(case, u)
    value = case["valid"](last, u)
    held = [x.detach() for x in last]
    direct = case["valid"](held, u)
    return value, gradient_in(value, u), gradient_in(direct, u) if direct.requires_grad else zeros_for_none([None] * len(u), u.values())


def sweep(case, positions):
    """DrMAD with a sample at each of the given positions of the line; sample i uses minibatch i."""
    steps = case["steps"]
    u = {name: value.clone().requires_grad_() for name, value in case["start"].items()}
    first, last = train(case, u)
    first, last = [x.detach() for x in first], [x.detach().requires_grad_() for x in last]
    value = case["valid"](last, u)
    dw = zeros_for_none(torch.autograd.grad(value, last, retain_graph=True), last)
    total = gradient_in(value, u)
    dv = [torch.zeros_like(x) for x in dw]
    change = [(b.detach() - a) / steps for a, b in zip(first, last)]
    for t in range(len(positions) - 1, -1, -1):
        w = [(a + positions[t] * (b.detach() - a)).requires_grad_() for a, b in zip(first, last)]
        g = gradient_of(case["loss"], w, u, t)
        rate, decay = case["rate"](u, t), case["decay"](u, t)
        after = [c / r.detach() for c, r in zip(change, rate)]
        before = [0 * c if t == 0 else c / r.detach() for c, r in zip(change, case["rate"](u, t - 1))]
        d_rate = [a * b for a, b in zip(dw, after)]
        dv = [a + r.detach() * b for a, b, r in zip(dv, dw, rate)]
        d_decay = [a * (b + c.detach()) for a, b, c in zip(dv, before, g)]
        held = [((1 - c) * a).detach() for a, c in zip(dv, decay)]
        inner = sum((a * b).sum() for a, b in zip(g, held))
        dw = [a - b for a, b in zip(dw, torch.autograd.grad(inner, w, retain_graph=True))]
        through = -inner + sum((r * d).sum() + (c * e).sum() for r, d, c, e in zip(rate, d_rate, decay, d_decay))
        if through.requires_grad:
            total = [a + b for a, b in zip(total, gradient_in(through, u))]
        dv = [c.detach() * a for a, c in zip(dv, decay)]
    return [x.detach() for x in total]


def by_name(case, values):
    return {name: value.detach().reshape(-1).tolist() for name, value in zip(case["start"], values)}


def run(case):
    value, gradient, direct = exact(case)
    steps = case["steps"]
    found = {
        "name": case["name"],
        "value": value.item(),
        "gradient": by_name(case, gradient),
        "direct": by_name(case, direct),
    }
    if "initial" not in case:
        found["drmad"] = by_name(case, sweep(case, [t / steps for t in range(steps)]))
        if steps >= 20:
            tenth = torch.linspace(0.001, 0.999, steps // 10).tolist()
            found["drmadTenth"] = by_name(case, sweep(case, tenth))
    return found


if __name__ == "__main__":
    cases = [run(case()) for case in (minibatch_momentum, schedules, initial_scale, reparametrised)]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json"), "w") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")
