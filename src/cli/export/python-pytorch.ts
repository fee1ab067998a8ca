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


def param_groups(model, hyper="l2"):
    """Parameter groups with weight_decay, for penalties of one number a tensor, layer or network only.

    PyTorch's weight_decay d adds d * w to the gradient; the gradient of value * w**2 is 2 * value * w, so d is twice the
    value. A penalty per input, unit or weight has no weight_decay: use l2_penalty.
    """
    decays = {}
    for i, layer in enumerate(m for m in model.modules() if isinstance(m, torch.nn.Linear)):
        for path, parameter in ((f"{i}.W", layer.weight), (f"{i}.b", layer.bias)):
            factor = None if parameter is None else value(hyper, path)
            if factor is not None and np.size(factor) != 1:
                raise ValueError(f"{hyper} has {np.size(factor)} values for {path}: use l2_penalty")
            if factor is not None:
                decays[parameter] = 2.0 * float(np.ravel(factor)[0])
    return [{"params": [p], "weight_decay": decays.get(p, 0.0)} for p in model.parameters()]


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
`;
