"""ONNX Runtime on one thread: the velocity network of the same MLP as an ONNX graph, Euler steps around it.

Two engines: "onnxruntime" runs the session once per evaluation from a Python loop, as a program does that
gets the network only; "onnxruntime-unrolled" has all Euler steps in one graph, so that one session run is one
draw. The time is one number for all rows, and its features are computed once per evaluation.
"""

import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import onnxruntime

import common


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array, dtype=np.float32), name)


def network_nodes(prefix, x, t, out, n_layers):
    """Nodes of v(x, t): x [n][dim], t [1][1]."""
    p = prefix
    nodes = [
        helper.make_node("Mul", [t, "frequencies"], [p + "angle"]),
        helper.make_node("Cos", [p + "angle"], [p + "cos"]),
        helper.make_node("Sin", [p + "angle"], [p + "sin"]),
        helper.make_node("Concat", [p + "cos", p + "sin"], [p + "time"], axis=1),
        helper.make_node("Expand", [p + "time", "time_shape"], [p + "times"]),
        helper.make_node("Concat", [x, p + "times"], [p + "h0"], axis=1),
    ]
    for i in range(n_layers):
        last = i + 1 == n_layers
        z = out if last else f"{p}z{i}"
        nodes.append(helper.make_node("Gemm", [f"{p}h{i}", f"w{i}", f"b{i}"], [z], transB=1))
        if not last:
            nodes.append(helper.make_node("Sigmoid", [z], [f"{p}s{i}"]))
            nodes.append(helper.make_node("Mul", [z, f"{p}s{i}"], [f"{p}h{i + 1}"]))
    return nodes


def weights(dim, width, layers, n):
    rng = np.random.default_rng(1)
    widths = common.layer_widths(dim, width, layers)
    blocks = [
        constant("frequencies", np.array(common.frequencies())[None, :]),
        numpy_helper.from_array(np.array([n, common.TIME_FEATURES], dtype=np.int64), "time_shape"),
    ]
    for i, (n_in, n_out) in enumerate(zip(widths, widths[1:])):
        blocks.append(constant(f"w{i}", rng.uniform(-1, 1, (n_out, n_in)) / n_in**0.5))
        blocks.append(constant(f"b{i}", np.zeros(n_out)))
    return blocks


def session(nodes, inputs, output, blocks):
    graph = helper.make_graph(nodes, "velocity", inputs, [output], blocks)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def stepwise(size, n, n_steps):
    _, dim, width, layers = size
    x_info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [n, dim])
    t_info = helper.make_tensor_value_info("t", TensorProto.FLOAT, [1, 1])
    out = helper.make_tensor_value_info("v", TensorProto.FLOAT, [n, dim])
    s = session(network_nodes("", "x", "t", "v", layers), [x_info, t_info], out, weights(dim, width, layers, n))
    rng = np.random.default_rng(2)
    times = [np.full((1, 1), i / n_steps, dtype=np.float32) for i in range(n_steps)]

    def sample():
        x = rng.standard_normal((n, dim), dtype=np.float32)
        for t in times:
            x = x + s.run(None, {"x": x, "t": t})[0] / np.float32(n_steps)
        return x

    return sample


def unrolled(size, n, n_steps):
    _, dim, width, layers = size
    nodes, blocks, x = [], weights(dim, width, layers, n), "x"
    blocks.append(constant("dt", 1.0 / n_steps))
    for i in range(n_steps):
        blocks.append(constant(f"t{i}", [[i / n_steps]]))
        nodes += network_nodes(f"e{i}_", x, f"t{i}", f"v{i}", layers)
        nodes.append(helper.make_node("Mul", [f"v{i}", "dt"], [f"d{i}"]))
        nodes.append(helper.make_node("Add", [x, f"d{i}"], [f"x{i}"]))
        x = f"x{i}"
    x_info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [n, dim])
    s = session(nodes, [x_info], helper.make_tensor_value_info(x, TensorProto.FLOAT, [n, dim]), blocks)
    rng = np.random.default_rng(2)
    return lambda: s.run(None, {"x": rng.standard_normal((n, dim), dtype=np.float32)})[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for one median")
    args = parser.parse_args()
    cases = [("one", 1, common.ONE_STEPS), ("many", common.MANY_ROWS, common.MANY_STEPS)]
    for size in common.SIZES:
        for what, n, n_steps in cases:
            for engine, make in (("onnxruntime", stepwise), ("onnxruntime-unrolled", unrolled)):
                seconds = common.median_seconds(make(size, n, n_steps), args.seconds)
                common.print_row(engine, what, size, seconds)


if __name__ == "__main__":
    main()
