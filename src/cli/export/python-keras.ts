import { VALUES } from "./python-values.ts";

/** What applies tuned values in Keras 3, after the facts and the imports. */
export const KERAS: string = `${VALUES}

class TunedL2(keras.regularizers.Regularizer):
    """The sum of value * weight**2 for the weights at a path (no factor 1/2): kernel_regularizer=TunedL2("l2", "0.W").

    Keras keeps a Dense kernel as [inputs, units], as drmad does. Keras adds regularisation losses to the training loss
    and to the loss that evaluate() reports.
    """

    def __init__(self, hyper="l2", path=""):
        self.hyper, self.path = hyper, path
        self.factor = value(hyper, path)
        if self.factor is None:
            raise ValueError(f"{hyper} has no values for {path}")

    def __call__(self, x):
        return keras.ops.sum(keras.ops.convert_to_tensor(self.factor, dtype=x.dtype) * keras.ops.square(x))

    def get_config(self):
        return {"hyper": self.hyper, "path": self.path}


class TunedRate(keras.callbacks.Callback):
    """Gives every training step its tuned rate, and its tuned momentum where a hyperparameter is named for it.

    Keras's SGD(momentum=m) has velocity m * v - rate * g and adds that to the weights. drmad's momentum(rate, decay)
    has decay * v - (1 - decay) * g and adds rate times that: where both are constant, it is Keras's with the rate
    rate * (1 - decay), which is what averaged=True gives. Where they change along the steps the two are not the same.
    """

    def __init__(self, rate="rate", decay=None, averaged=False):
        super().__init__()
        self.rates = schedule(rate)
        self.decays = None if decay is None else schedule(decay)
        self.averaged = averaged
        self.step = 0

    def on_train_batch_begin(self, batch, logs=None):
        t = min(self.step, len(self.rates) - 1)
        rate = float(self.rates[t])
        if self.decays is not None:
            decay = float(self.decays[t])
            self.model.optimizer.momentum = decay
            rate = rate * (1 - decay) if self.averaged else rate
        self.model.optimizer.learning_rate = rate
        self.step += 1


def sample_weights(rows, hyper="weights"):
    """Tuned weights of training examples: model.fit(x, y, sample_weight=sample_weights(rows))."""
    return VALUES[hyper][np.asarray(rows)]


def scale_initial(variables, hyper="scale"):
    """Multiplies initial weights, given by drmad's paths, by tuned factors, where the experiment used them so."""
    for path, variable in variables.items():
        factor = value(hyper, path)
        if factor is not None:
            variable.assign(np.asarray(variable) * factor)
`;
