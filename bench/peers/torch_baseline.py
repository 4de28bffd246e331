"""PyTorch on one thread: the training step and the Euler sampler of the same MLP, eager and compiled.

The step draws noise and times, interpolates, runs the network, takes the mean squared error, goes backward,
clips the gradient's norm and updates by fused Adam. It keeps no moving average of the weights (ours does).
"""

import argparse
import sys

import torch

import common

torch.set_num_threads(1)
FREQUENCIES = torch.tensor(common.frequencies())


def time_features(t):
    angles = t * FREQUENCIES
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Velocity(torch.nn.Module):
    def __init__(self, dim, width, layers):
        super().__init__()
        widths = common.layer_widths(dim, width, layers)
        parts = []
        for n_in, n_out in zip(widths, widths[1:]):
            parts += [torch.nn.Linear(n_in, n_out), torch.nn.SiLU()]
        self.layers = torch.nn.Sequential(*parts[:-1])

    def forward(self, x, t):
        return self.layers(torch.cat([x, time_features(t)], dim=-1))


def make_step(net, batch, dim, compiled):
    x1 = torch.randn(batch, dim)
    parameters = list(net.parameters())
    adam = torch.optim.Adam(parameters, lr=1e-3, fused=True)

    def loss_of(x1):
        t = torch.rand(x1.shape[0], 1)
        x0 = torch.randn_like(x1)
        v = net(t * x1 + (1 - t) * x0, t)
        return (v - (x1 - x0)).square().mean()

    loss_fn = torch.compile(loss_of) if compiled else loss_of

    def step():
        adam.zero_grad(set_to_none=True)
        loss_fn(x1).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.step()

    return step


def make_sampler(net, n, dim, n_steps, compiled):
    """All steps are in what is compiled. Eager: t is one number for all rows, its features are expanded."""
    times = torch.arange(n_steps) / n_steps
    net.requires_grad_(False)

    def integrate(x, times):
        for i in range(n_steps):
            t = times[i].expand(x.shape[0], 1)
            x = x + net(x, t) / n_steps
        return x

    fn = torch.compile(integrate) if compiled else integrate

    def sample():
        with torch.no_grad():
            fn(torch.randn(n, dim), times)

    return sample


def measure(size, compiled, seconds):
    batch, dim, width, layers = size
    engine = "torch-compiled" if compiled else "torch-eager"
    torch._dynamo.reset()
    torch.manual_seed(1)
    net = Velocity(dim, width, layers)
    runs = [
        ("step", make_step(net, batch, dim, compiled)),
        ("one", make_sampler(Velocity(dim, width, layers), 1, dim, common.ONE_STEPS, compiled)),
        ("many", make_sampler(Velocity(dim, width, layers), common.MANY_ROWS, dim, common.MANY_STEPS, compiled)),
    ]
    for what, run in runs:
        common.print_row(engine, what, size, common.median_seconds(run, seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for one median")
    parser.add_argument("--eager-only", action="store_true")
    args = parser.parse_args()
    if not args.eager_only:
        # Prepacks constant weights where no gradient is wanted, as a deployment would.
        torch._inductor.config.freezing = True
    for size in common.SIZES:
        measure(size, False, args.seconds)
        if args.eager_only:
            continue
        try:
            measure(size, True, args.seconds)
        except Exception as error:  # no compiler on this machine: the eager rows stand alone
            print(f"torch.compile failed: {str(error).splitlines()[0]}", file=sys.stderr)


if __name__ == "__main__":
    main()
