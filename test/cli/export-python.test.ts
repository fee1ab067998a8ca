import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { dense, grad } from "../../src/autodiff/transform.ts";
import type { NdArray } from "../../src/data/dataset.ts";
import { encodeNpz, parseNpz } from "../../src/data/npz.ts";
import { readBytes } from "../../src/data/open.ts";
import { evaluate } from "../../src/engine/reference/engine.ts";
import { digitsL2 } from "../../src/experiments/digits-l2.ts";
import { resolveProblem } from "../../src/problem/problem.ts";
import { toGraph } from "../../src/tensor/graph.ts";
import { input } from "../../src/tensor/layout.ts";
import { leaveOut } from "../optional.ts";
import { buildFirst, runCli, temporaryFolder, writeExperiment } from "./run-cli.ts";

buildFirst();
const cwd = temporaryFolder();
const [ROWS, STEPS, RATE] = [40, 5, 0.1];

interface Reals extends NdArray {
  readonly data: Float64Array;
}
const reals = ({ data, shape }: NdArray): Reals => ({ data: Float64Array.from(data), shape });

/** A Python that has a module, Debian's own among them. */
const pythonWith = (module: string): string | undefined =>
  ["python3", "/usr/bin/python3"].find((python) => spawnSync(python, ["-c", `import ${module}`]).status === 0);

beforeAll(async () => {
  const kept = await runCli(["tune", "digits-l2", "--outer-steps", "3", "--inner-steps", "40", "--study", "digits"], {
    cwd,
  });
  expect(kept.code).toBe(0);
  writeExperiment(cwd, "steps.ts", {
    hyper:
      'l2: hyper.perNetwork(1e-3, { transform: "log", biases: 0.01, perStep: true }), inputs: hyper.perInput(1e-3, { transform: "log", biases: 0.25 }), rate: hyper.scalar(0.3, { transform: "log", perStep: true }), weights: hyper.array(nn.constant([60], 1))',
    rate: "h.rate",
    train:
      "ops.add(ops.mul(ops.mean(h.weights), ops.crossEntropy(nn.forward(w, x), y)), ops.add(nn.l2(w, h.l2), nn.l2(w, h.inputs)))",
  });
  const stepped = await runCli(["tune", "steps.ts", "--outer-steps", "2", "--study", "steps"], { cwd });
  expect(stepped.code).toBe(0);
  for (const study of ["digits", "steps"])
    for (const framework of ["pytorch", "keras"]) {
      const out = `${study}-${framework}`;
      const { events } = await runCli(["export", study, "--for", framework, "--out", out, "--json"], { cwd });
      expect(events.at(-1)).toMatchObject({ type: "result", for: framework });
    }
}, 120_000);

describe("PyTorch", () => {
  test("has our penalised loss and its gradient along a training, from the exported penalties", async (context) => {
    const python = pythonWith("torch");
    if (python === undefined) leaveOut(context, "python3 with torch (Debian: python3-torch)");
    const values = parseNpz(readBytes(join(cwd, "digits-pytorch/values.npz")));
    const problem = await resolveProblem(digitsL2(), { seed: 0, steps: 40 });
    const { x, y } = problem.data.train as { readonly x: NdArray; readonly y: NdArray };
    const batch: Record<string, Reals> = {
      x: { data: Float64Array.from(x.data.subarray(0, 64 * ROWS)), shape: [ROWS, 64] },
      y: { data: Float64Array.from(y.data.subarray(0, ROWS)), shape: [ROWS] },
    };
    const weights = problem.weights.map(({ path, shape }) => input(path, shape));
    const tree = problem.weightTree((path) => weights[problem.weights.findIndex((leaf) => leaf.path === path)]!);
    const natural = problem.hypers.arrange((name) => input(`value/${name}`, values[name]!.shape));
    const symbols = { x: input("x", [ROWS, 64]), y: input("y", [ROWS], "int") };
    const loss = problem.spec.train.loss(tree, natural, symbols);
    const gradients = grad(loss, weights).map((g, i) => dense(g, weights[i]!));
    const graph = toGraph({ loss, ...Object.fromEntries(problem.weights.map(({ path }, i) => [path, gradients[i]!])) });

    const at: Record<string, Reals> = Object.fromEntries(
      problem.weights.map(({ path, shape, drawn }) => [path, { data: drawn.slice(), shape }]),
    );
    writeFileSync(join(cwd, "begin.npz"), encodeNpz({ ...batch, ...at }));
    const ours: { loss: number; gradient: readonly number[] }[] = [];
    const fixed = Object.fromEntries(Object.entries(values).map(([name, array]) => [`value/${name}`, reals(array)]));
    for (let t = 0; t < STEPS; t++) {
      const found = evaluate(graph, { ...batch, ...fixed, ...at });
      ours.push({
        loss: found["loss"]!.data[0]!,
        gradient: problem.weights.flatMap(({ path }) => [...found[path]!.data]),
      });
      for (const { path } of problem.weights) {
        const { data, shape } = at[path]!;
        at[path] = { data: Float64Array.from(data, (w, i) => w - RATE * found[path]!.data[i]!), shape };
      }
    }

    const told = JSON.parse(execFileSync(python, ["-c", TRAIN, join(cwd, "begin.npz"), String(STEPS), String(RATE)], { cwd: join(cwd, "digits-pytorch"), encoding: "utf8" })) as typeof ours; // prettier-ignore
    expect(told).toHaveLength(STEPS);
    for (const [t, { loss: value, gradient }] of told.entries()) {
      expect(Math.abs(value - ours[t]!.loss)).toBeLessThan(1e-5 * Math.abs(value));
      const norm = Math.hypot(...gradient);
      expect(Math.hypot(...gradient.map((g, i) => g - ours[t]!.gradient[i]!))).toBeLessThan(1e-5 * norm);
      expect(norm).toBeGreaterThan(0);
    }
    // The penalties were tuned apart, so that one number for all would not do.
    expect(new Set(values["l2.0.W"]!.data).size).toBeGreaterThan(10);
  });

  test("has the tuned rates and penalties of every step", (context) => {
    const python = pythonWith("torch");
    if (python === undefined) leaveOut(context, "python3 with torch (Debian: python3-torch)");
    const values = parseNpz(readBytes(join(cwd, "steps-pytorch/values.npz")));
    const told = JSON.parse(execFileSync(python, ["-c", SCHEDULE], { cwd: join(cwd, "steps-pytorch"), encoding: "utf8" })) as Record<string, number[]>; // prettier-ignore
    expect(told["rates"]).toEqual([...values["rate"]!.data]);
    expect(told["decays"]).toEqual([...values["l2"]!.data].map((one) => one * 2));
    expect(told["weighted"]![0]).toBeCloseTo(
      (values["weights"]!.data[3]! * 2 + values["weights"]!.data[5]! * 4) / 2,
      12,
    );
    expect(new Set(told["rates"]).size).toBeGreaterThan(5);
    // SGD with the groups moves as the penalty in the loss does, at every step; frozen weights are left alone.
    expect(told["apart"]![0]).toBeLessThan(1e-12);
    expect(told["moved"]![0]).toBeGreaterThan(1e-3);
    expect(told["groups"]).toEqual([2, 1, 1]);
    expect(told["refused"]).toEqual([1, 1, 1]);
    // Eight biases of 2, by the number that they keep: of a number for the network, and of numbers for each input.
    expect(told["fixed"]![0]).toBeCloseTo(0.01 * 4 * 8, 12);
    expect(told["fixed"]![1]).toBeCloseTo(0.25 * 4 * 8, 12);
    // Their group keeps its own too, when the others follow the steps.
    expect(told["bias_decays"]).toEqual([0.02, 0.02]);
  });
});

describe("Keras, which is not installed here", () => {
  test("the module compiles, and its part in NumPy runs beside a stub of Keras", (context) => {
    const python = pythonWith("numpy");
    if (python === undefined) leaveOut(context, "python3 with numpy");
    mkdirSync(join(cwd, "stub"));
    writeFileSync(join(cwd, "stub/keras.py"), STUB);
    for (const study of ["digits", "steps"])
      execFileSync(python, ["-m", "py_compile", join(cwd, `${study}-keras/tuned.py`)]);
    const env = { ...process.env, PYTHONPATH: join(cwd, "stub") };
    const values = parseNpz(readBytes(join(cwd, "steps-keras/values.npz")));
    const rates = JSON.parse(execFileSync(python, ["-c", KERAS_RATES], { cwd: join(cwd, "steps-keras"), env, encoding: "utf8" })) as number[]; // prettier-ignore
    expect(rates).toEqual([...values["rate"]!.data]);
    const fixed = Number(execFileSync(python, ["-c", KERAS_BIASES], { cwd: join(cwd, "steps-keras"), env, encoding: "utf8" })); // prettier-ignore
    expect(fixed).toBeCloseTo(0.25 * 4 * 8, 12);
    const penalties = parseNpz(readBytes(join(cwd, "digits-keras/values.npz")))["l2.0.W"]!.data;
    const penalty = Number(execFileSync(python, ["-c", KERAS_PENALTY], { cwd: join(cwd, "digits-keras"), env, encoding: "utf8" })); // prettier-ignore
    // Weights of 2: every value 50 times, times 4.
    expect(penalty).toBeCloseTo(
      reals({ data: penalties, shape: [] }).data.reduce((sum, each) => sum + each, 0) * 50 * 4,
      10,
    );
  });
});

const TRAIN = `
import json, sys
import numpy as np, torch
import tuned
begin = np.load(sys.argv[1])
model = torch.nn.Sequential(*[m for i, (a, b) in enumerate([(64, 50), (50, 50), (50, 10)]) for m in ([torch.nn.Tanh()] if i else []) + [torch.nn.Linear(a, b)]]).double()
layers = [m for m in model if isinstance(m, torch.nn.Linear)]
with torch.no_grad():
    for path, p in tuned.linear_parameters(model).items():
        p.copy_(torch.from_numpy(begin[path]))
x, y = torch.from_numpy(begin["x"]), torch.from_numpy(begin["y"]).long()
optimizer = torch.optim.SGD(model.parameters(), lr=float(sys.argv[3]))
told = []
for t in range(int(sys.argv[2])):
    loss = torch.nn.functional.cross_entropy(model(x), y) + tuned.l2_penalty(tuned.linear_parameters(model), "l2", step=t)
    optimizer.zero_grad()
    loss.backward()
    gradient = [g for layer in layers for g in layer.weight.grad.t().reshape(-1).tolist() + layer.bias.grad.tolist()]
    told.append({"loss": loss.item(), "gradient": gradient})
    optimizer.step()
print(json.dumps(told))
`;

const SCHEDULE = `
import json
import numpy as np, torch
import tuned
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
scheduler = tuned.lr_scheduler(optimizer, "rate")
rates, decays = [], []
for t in range(20):
    rates.append(optimizer.param_groups[0]["lr"])
    decays.append(2 * float(tuned.value("l2", "0.W", step=t)))
    optimizer.step()
    scheduler.step()
eight = {"0.b": torch.full((8,), 2.0, dtype=torch.float64)}
fixed = [tuned.l2_penalty(eight, hyper, step=0).item() for hyper in ("l2", "inputs")]
def trained(groups):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    x, y = torch.randn(6, 3).double(), torch.tensor([0, 1, 0, 1, 0, 1])
    tuned.PARAMETERS.update({"0.W": (3, 4), "0.b": (4,), "1.W": (4, 2), "1.b": (2,)})
    begun = [p.detach().clone() for p in net.parameters()]
    opt = torch.optim.SGD(tuned.param_groups(net, step=0) if groups else net.parameters(), lr=1.0, momentum=0.9)
    for t in range(8):
        loss = torch.nn.functional.cross_entropy(net(x), y)
        if groups:
            tuned.set_weight_decay(opt, t)
        else:
            loss = loss + tuned.l2_penalty(tuned.linear_parameters(net), "l2", step=t)
        opt.zero_grad(); loss.backward(); opt.step()
    return net, opt, begun
(one, opt, begun), (other, _, _) = trained(True), trained(False)
apart = max((a - b).abs().max().item() for a, b in zip(one.parameters(), other.parameters()))
moved = max((a - b).abs().max().item() for a, b in zip(one.parameters(), begun))
bias_decays = [g["weight_decay"] for g in opt.param_groups for p in g["params"] if p.ndim == 1]
frozen = torch.nn.Linear(3, 4)
frozen.bias.requires_grad_(False)
groups = [len(opt.param_groups[0]["params"]), *[len(g["params"]) for g in tuned.param_groups(frozen, step=0)]]
named = tuned.param_groups(frozen.named_parameters(), paths={"weight": "0.W"}, step=3)
groups.append(len(named))
def refuses(call):
    try:
        call()
    except ValueError:
        return 1
    return 0
refused = [
    refuses(lambda: tuned.param_groups(frozen)),
    refuses(lambda: tuned.param_groups(frozen, hyper="none", step=0)),
    refuses(lambda: tuned.param_groups(frozen.named_parameters(), step=0)),
]
weighted = tuned.weighted(torch.tensor([2.0, 4.0], dtype=torch.float64), [3, 5]).item()
print(json.dumps({"rates": rates, "decays": decays, "weighted": [weighted], "apart": [apart], "moved": [moved], "groups": groups, "refused": refused, "fixed": fixed, "bias_decays": bias_decays}))
`;

/** As much of Keras's names as the module asks for, over NumPy. */
const STUB = `
import numpy as np
class regularizers:
    class Regularizer: pass
class callbacks:
    class Callback:
        def __init__(self): self.model = None
class ops:
    sum = staticmethod(np.sum)
    square = staticmethod(np.square)
    convert_to_tensor = staticmethod(lambda x, dtype=None: np.asarray(x, dtype))
`;

const KERAS_RATES = `
import json, types
import tuned
callback = tuned.TunedRate("rate")
callback.model = types.SimpleNamespace(optimizer=types.SimpleNamespace(learning_rate=None))
told = []
for batch in range(20):
    callback.on_train_batch_begin(batch)
    told.append(callback.model.optimizer.learning_rate)
print(json.dumps(told))
`;

const KERAS_PENALTY = `
import numpy as np
import tuned
print(repr(float(tuned.TunedL2("l2", "0.W")(np.full((64, 50), 2.0)))))
`;

const KERAS_BIASES = `
import numpy as np
import tuned
print(repr(float(tuned.TunedL2("inputs", "0.b")(np.full((8,), 2.0)))))
`;
