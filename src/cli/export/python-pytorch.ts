import { VALUES } from "./python-values.ts";

/** What applies tuned values in PyTorch, after the facts and the imports. */
export const PYTORCH: string = `${VALUES}

def linear_parameters(model):
    """The weights of a model's Linear layers by drmad's paths (0.W, 0.b, ...), each in drmad's layout.

    PyTorch keeps a Linear's weight as [units, inputs], drmad as [inputs, units]: what is given here is the transpose, a
    view, so that gradients reach the weight. For other models write such a record yourself.
    """
    found = {}
    for i, layer in enumerate(m for m in model.modules() if isinstance(m, torch.nn.Linear)):
        found[f"{i}.W"] = layer.weight.t()
        if layer.bias is not None:
            found[f"{i}.b"] = layer.bias
    for path, shape in PARAMETERS.items():
        if path in found and tuple(found[path].shape) != shape:
            raise ValueError(f"the weights {path} are {tuple(found[path].shape)}, and were tuned as {shape}")
    return found


def l2_penalty(parameters, hyper="l2", step=None):
    """The sum of value * weight**2 over all weights that the hyperparameter has values for (no factor 1/2).

    Add it to the training loss, as nn.l2(w, h.l2) does in an experiment. Values may be per input, unit, weight or
    tensor: they broadcast.
    """
    total = 0.0
    for path, weight in parameters.items():
        factor = value(hyper, path, step)
        if factor is not None:
            total = total + (torch.as_tensor(factor, dtype=weight.dtype, device=weight.device) * weight**2).sum()
    return total


def named_paths(model):
    """drmad's path (0.W, 0.b, ...) of each parameter of a model's Linear layers, by the name that PyTorch gives it."""
    layers = [(name, m) for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)]
    return {
        f"{name}.{own}" if name else own: f"{i}.{ours}"
        for i, (name, _) in enumerate(layers)
        for own, ours in (("weight", "W"), ("bias", "b"))
    }


def param_groups(named_parameters, hyper="l2", paths=None, step=None):
    """Parameter groups with a tuned weight_decay each, as torch.optim's optimizers take them instead of parameters.

        optimizer = torch.optim.SGD(tuned.param_groups(model), lr=0.1, momentum=0.9)

    named_parameters is a model, or what its named_parameters() gives; paths says which of drmad's weights each name is
    (named_paths(model) where it is left out, so that a model is needed then). Every parameter that requires a gradient is
    in one group; those without a tuned penalty are in one with weight_decay 0. Groups of SGD, and of Adam without
    decoupling: PyTorch's weight_decay d adds d * w to the gradient, and the gradient of value * w**2 is 2 * value * w, so
    d is twice the value. AdamW multiplies it by the rate instead: another penalty than was tuned.

    Penalties of one number a tensor, layer or network only: for one per input, unit or weight use l2_penalty. One with a
    value for every training step needs the step to begin with, and set_weight_decay before every optimizer.step().
    """
    if isinstance(named_parameters, torch.nn.Module):
        paths = named_paths(named_parameters) if paths is None else paths
        named_parameters = named_parameters.named_parameters()
    elif paths is None:
        raise ValueError("give a model, or paths: which of drmad's weights each name is")
    groups = {}
    for name, parameter in named_parameters:
        if not parameter.requires_grad:
            continue
        path = paths.get(name, "")
        decay = _weight_decay(hyper, path, step) if path else None
        # One group for each value; of a value for every step, one for each tensor of values.
        tuned = decay is not None and not _is_fixed(hyper, path)
        key = (_source(hyper, path) if tuned else None, decay or 0.0)
        group = groups.setdefault(key, {"params": [], "weight_decay": key[1], "drmad_path": path if tuned else ""})
        group["params"].append(parameter)
    if all(source is None and decay == 0.0 for source, decay in groups):
        raise ValueError(f"{hyper} has no values for any of these parameters")
    return list(groups.values())


def set_weight_decay(optimizer, step, hyper="l2"):
    """Gives the groups of param_groups the tuned penalties of a training step, before optimizer.step()."""
    for group in optimizer.param_groups:
        if group.get("drmad_path"):
            group["weight_decay"] = _weight_decay(hyper, group["drmad_path"], step)


def _weight_decay(hyper, path, step):
    factor = value(hyper, path, step)
    if factor is None:
        return None
    if np.size(factor) != 1:
        raise ValueError(f"{hyper} has {np.size(factor)} values for {path}: use l2_penalty")
    return 2.0 * float(np.ravel(factor)[0])


def _source(hyper, path):
    parts = path.split(".")
    names = (".".join([hyper, *parts[:n]]) for n in range(len(parts), -1, -1))
    return next(name for name in names if name in VALUES)


def lr_scheduler(optimizer, hyper="rate"):
    """A scheduler that gives every training step its tuned rate; call its step() after each optimizer.step().

    For a schedule of one number a step. The optimizer's own lr must be 1: the scheduler multiplies it.
    """
    rates = schedule(hyper)
    if rates.ndim != 1:
        raise ValueError(f"{hyper} has the shape {rates.shape}: give each group its own column")
    if any(group["lr"] != 1 for group in optimizer.param_groups):
        raise ValueError("make the optimizer with lr=1.0: the schedule has whole rates")
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: float(rates[min(t, len(rates) - 1)]))


def set_momentum(optimizer, step, hyper="decay"):
    """Sets momentum and dampening to the tuned decay of a step, before optimizer.step().

    drmad's momentum(rate, decay) is SGD(lr=rate, momentum=decay, dampening=decay), but that PyTorch's first step leaves
    the dampening out; heavyBall is SGD without dampening.
    """
    decay = float(np.ravel(value(hyper, step=step))[0])
    for group in optimizer.param_groups:
        group["momentum"] = decay
        if group.get("dampening"):
            group["dampening"] = decay


def weighted(losses, rows, hyper="weights"):
    """The mean of losses (one a row) times the tuned weight of each row; rows are numbers of training examples."""
    factors = torch.as_tensor(VALUES[hyper], dtype=losses.dtype, device=losses.device)
    return (factors[torch.as_tensor(rows, device=losses.device)] * losses).mean()


@torch.no_grad()
def scale_initial(parameters, hyper="scale"):
    """Multiplies initial weights by tuned factors, where the experiment used them so."""
    for path, weight in parameters.items():
        factor = value(hyper, path)
        if factor is not None:
            weight.mul_(torch.as_tensor(factor, dtype=weight.dtype, device=weight.device))


# A training loop with all of it; leave out what the experiment did not tune.
#
#     optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
#     scheduler = lr_scheduler(optimizer, "rate")
#     for t, (rows, x, y) in enumerate(batches):
#         loss = torch.nn.functional.cross_entropy(model(x), y) + l2_penalty(linear_parameters(model), "l2", step=t)
#         optimizer.zero_grad(); loss.backward(); optimizer.step(); scheduler.step()
#
# Penalties of one number a tensor, layer or network may be weight_decay instead of a part of the loss:
#
#     optimizer = torch.optim.SGD(param_groups(model), lr=0.1)
`;
