/** Python that both frameworks share: NumPy alone. */
export const VALUES = `
def load(path=None):
    """The tuned values by name, as float64 arrays: from values.npz beside this file, or any .npz or .safetensors."""
    path = path or os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.npz")
    if path.endswith(".safetensors"):
        from safetensors.numpy import load_file

        return load_file(path)
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


VALUES = load()


def value(hyper, path="", step=None):
    """Values of a hyperparameter for the weights at a path, of a shape that broadcasts to them; None where it has none.

    A hyperparameter that was tuned per tensor, unit, input or weight is found at its path, one per layer at the
    layer's, one for the whole network at its own name. Biases that were left out have the number that they kept.
    """
    if _is_fixed(hyper, path):
        return np.asarray(WITHOUT_BIASES[hyper], dtype=np.float64)
    parts = path.split(".") if path else []
    for length in range(len(parts), -1, -1):
        name = ".".join([hyper, *parts[:length]])
        if name in VALUES:
            found = VALUES[name]
            if name not in PER_STEP:
                return found
            if step is None:
                raise ValueError(f"{name} has a value for every training step: say which")
            return found[min(step, len(found) - 1)]
    return None


def _is_fixed(hyper, path):
    return hyper in WITHOUT_BIASES and len(PARAMETERS.get(path, (1, 1))) < 2


def schedule(hyper, path=""):
    """The values of a hyperparameter along the training steps: an array [T, ...]."""
    name = f"{hyper}.{path}" if path and f"{hyper}.{path}" in VALUES else hyper
    if name not in PER_STEP:
        raise ValueError(f"{name} has no value for every training step")
    return VALUES[name]
`;
