"""A program that uses many parts of torch and writes down who called whom; run by the Python that has torch.

Needs nothing of ours. Every event is a Python function that starts: where the caller stood (file and the stretch of
the expression under way, to the column), by which instruction, through which C function if any, and what started.
`scripts/accuracy_python.py` reads the file that is named as the first argument; workers of a data loader add to it.
``other`` as a further argument runs a second program, which the linkers' rules were not made for; ``lines`` writes down
the lines that ran instead.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import json
import multiprocessing.util
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

OUT = Path(sys.argv[1])
FOUND: dict[tuple[Any, ...], int] = {}
RAN: set[tuple[str, int]] = set()
IN_C: dict[FrameType, str] = {}
"""What a frame has called in C and not got back from."""


@functools.cache
def instruction(code: CodeType, at: int) -> tuple[str, tuple[int | None, ...]]:
    """What a frame is at: the operation, and lines and columns of the expression that it belongs to."""
    operations, places = code.co_code, list(code.co_positions())
    while at > 0 and dis.opname[operations[at]] == "CACHE":
        at -= 2
    name = dis.opname[operations[at]]
    if "CALL" not in name:
        return name, places[at // 2]
    # What `@f(x)` makes is called on the function below it, at the very place where `f(x)` was.
    before = {places[step // 2] for step in range(0, at, 2) if dis.opname[operations[step]] == "CALL"}
    return "CALL again" if places[at // 2] in before else "CALL", places[at // 2]


def watch(frame: FrameType, event: str, called: Any) -> None:
    if event == "c_call":
        IN_C[frame] = getattr(called, "__name__", "?")
    elif event in {"c_return", "c_exception"}:
        IN_C.pop(frame, None)
    elif event == "call" and (back := frame.f_back) is not None:
        code, caller = frame.f_code, back.f_code
        if "/torch/" in code.co_filename and "/torch/" in caller.co_filename:
            op, where = instruction(caller, back.f_lasti)
            key = (
                caller.co_filename, caller.co_name, *where, op, IN_C.get(back), code.co_filename, code.co_firstlineno,
                code.co_name, bool(code.co_flags & 0x20),
            )  # fmt: skip
            FOUND[key] = FOUND.get(key, 0) + 1


def trace(frame: FrameType, event: str, argument: Any) -> Any:
    """Note each line of torch that runs."""
    file = frame.f_code.co_filename
    if "/torch/" not in file:
        return None
    RAN.add((file, frame.f_lineno))
    return trace


def write_down() -> None:
    sys.setprofile(None)
    sys.settrace(None)
    with OUT.open("a") as file:
        for key, count in list(FOUND.items()):
            file.write(json.dumps([*key, count]) + "\n")
        file.writelines(json.dumps(line) + "\n" for line in sorted(RAN))
    FOUND.clear()


def in_worker(number: int) -> None:
    """A worker leaves by ``os._exit``, after the finalizers of ``multiprocessing``."""
    FOUND.clear()
    multiprocessing.util.Finalize(None, write_down, exitpriority=100)


def modules(torch: Any) -> None:
    nn = torch.nn
    image, row, words = torch.randn(2, 3, 16, 16), torch.randn(4, 8), torch.randint(0, 10, (5, 2))
    small = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        nn.ConvTranspose2d(8, 4, 2), nn.GroupNorm(2, 4), nn.GELU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, 4), nn.LayerNorm(4), nn.Softmax(dim=-1),
    )  # fmt: skip
    small(image).sum().backward()
    for layer in (
        nn.LeakyReLU(), nn.ELU(), nn.SELU(), nn.CELU(), nn.SiLU(), nn.Mish(), nn.Hardtanh(), nn.ReLU6(), nn.Sigmoid(),
        nn.Tanh(), nn.Softplus(), nn.Softsign(), nn.PReLU(), nn.GLU(), nn.LogSoftmax(dim=1), nn.Hardswish(),
        nn.Identity(), nn.Dropout(), nn.AlphaDropout(), nn.Linear(8, 8), nn.Bilinear(8, 8, 3),
    ):  # fmt: skip
        layer(row, row) if isinstance(layer, nn.Bilinear) else layer(row)
    for layer in (
        nn.AvgPool2d(2), nn.LPPool2d(2, 2), nn.Upsample(scale_factor=2), nn.ZeroPad2d(1), nn.ReflectionPad2d(1),
        nn.InstanceNorm2d(3), nn.Unfold(2), nn.PixelUnshuffle(2), nn.LocalResponseNorm(2), nn.Dropout2d(),
        nn.AdaptiveMaxPool2d(4), nn.Conv2d(3, 3, 3, groups=3, padding_mode="circular", padding=1), nn.ChannelShuffle(3),
    ):  # fmt: skip
        layer(image)
    nn.Embedding(10, 4)(words)
    nn.EmbeddingBag(10, 4)(words)
    sequence = torch.randn(5, 2, 8)
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        kind(8, 6, num_layers=2, bidirectional=True)(sequence)
    packed = nn.utils.rnn.pack_padded_sequence(sequence, [5, 3])
    nn.utils.rnn.pad_packed_sequence(nn.LSTM(8, 6)(packed)[0])
    nn.LSTMCell(8, 6)(row)
    nn.GRUCell(8, 6)(row)
    nn.MultiheadAttention(8, 2)(sequence, sequence, sequence)
    nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)(sequence)
    nn.Transformer(8, 2, 1, 1, 16)(sequence, sequence)
    for loss in (
        nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss(), nn.KLDivLoss(reduction="batchmean"),
        nn.BCEWithLogitsLoss(), nn.PoissonNLLLoss(), nn.SoftMarginLoss(),
    ):  # fmt: skip
        loss(row, torch.rand(4, 8))
    labels = torch.randint(0, 8, (4,))
    nn.CrossEntropyLoss()(row, labels)
    nn.NLLLoss()(row.log_softmax(1), labels)
    nn.MultiMarginLoss()(row, labels)
    nn.TripletMarginLoss()(row, row + 1, row - 1)
    nn.CosineEmbeddingLoss()(row, row, torch.ones(4))
    nn.CTCLoss()(torch.randn(9, 2, 5).log_softmax(2), torch.randint(1, 5, (2, 3)), (9, 9), (3, 3))


def module_interface(torch: Any) -> None:
    nn = torch.nn

    class Net(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(8, 8)
            self.rest = nn.ModuleList([nn.Linear(8, 8) for _ in range(2)])
            self.table = nn.ModuleDict({"a": nn.ReLU()})
            self.weights = nn.ParameterList([nn.Parameter(torch.ones(8))])
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x: Any) -> Any:
            x = self.table["a"](self.first(x)) * self.weights[0]
            for layer in self.rest:
                x = layer(x)
            return x

    net = Net()
    handles = [
        net.register_forward_hook(lambda *_: None), net.register_forward_pre_hook(lambda *_: None),
        net.first.register_full_backward_hook(lambda *_: None),
    ]  # fmt: skip
    net(torch.randn(2, 8)).sum().backward()
    for handle in handles:
        handle.remove()
    net.to(torch.float64).float().eval().train()
    net.apply(lambda module: None)
    net.requires_grad_(False).requires_grad_(True)
    net.zero_grad()
    net.half().float().cpu()
    list(net.named_modules()), list(net.named_parameters()), list(net.named_buffers()), list(net.named_children())
    net.get_submodule("rest.0"), net.get_parameter("first.weight"), repr(net), net.share_memory()
    net.load_state_dict(net.state_dict())
    for function in (
        nn.init.xavier_uniform_, nn.init.kaiming_normal_, nn.init.orthogonal_, nn.init.trunc_normal_, nn.init.zeros_,
    ):  # fmt: skip
        function(net.first.weight)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    nn.utils.parameters_to_vector(net.parameters())
    nn.utils.weight_norm(nn.Linear(3, 3))(torch.ones(1, 3))
    nn.utils.spectral_norm(nn.Linear(3, 3))(torch.ones(1, 3))
    nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))(torch.ones(1, 3))
    nn.utils.prune.l1_unstructured(nn.Linear(3, 3), "weight", 0.5)
    nn.DataParallel(net)(torch.randn(2, 8))
    nn.parallel.parallel_apply([net, net], [torch.randn(2, 8), torch.randn(2, 8)], devices=None) if False else None
    with tempfile.NamedTemporaryFile(suffix=".pt") as file:
        torch.save(net.state_dict(), file.name)
        torch.load(file.name, map_location="cpu")
        torch.save(net.state_dict(), file.name, _use_new_zipfile_serialization=False)
        torch.load(file.name)
        torch.save([torch.nn.Linear(2, 2), {"a": torch.arange(3)}], file.name)
        torch.load(file.name)


def training(torch: Any) -> None:
    optim = torch.optim
    for kind in (
        optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad, optim.RMSprop, optim.Adadelta, optim.Adamax, optim.NAdam,
        optim.RAdam, optim.ASGD, optim.Rprop,
    ):  # fmt: skip
        net = torch.nn.Linear(4, 2)
        optimizer = kind(net.parameters(), lr=0.01)
        schedule = optim.lr_scheduler.StepLR(optimizer, 1)
        for _ in range(2):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(torch.randn(3, 4)), torch.tensor([0, 1, 0])).backward()
            optimizer.step()
            schedule.step()
        optimizer.load_state_dict(optimizer.state_dict())
        repr(optimizer)
    net = torch.nn.Linear(4, 2)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for schedule in (
        optim.lr_scheduler.CosineAnnealingLR(optimizer, 3), optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 10), optim.lr_scheduler.LambdaLR(optimizer, lambda at: 0.9),
        optim.lr_scheduler.CyclicLR(optimizer, 0.1, 1.0), optim.lr_scheduler.LinearLR(optimizer),
    ):  # fmt: skip
        optimizer.step()
        schedule.step()
    optim.lr_scheduler.ReduceLROnPlateau(optimizer).step(1.0)
    lbfgs = optim.LBFGS(net.parameters())

    def closure() -> Any:
        lbfgs.zero_grad()
        loss = net(torch.ones(1, 4)).sum() ** 2
        loss.backward()
        return loss

    lbfgs.step(closure)
    averaged = optim.swa_utils.AveragedModel(net)
    averaged.update_parameters(net)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        net(torch.ones(1, 4))


def data(torch: Any) -> None:
    from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, Subset, TensorDataset, random_split
    from torch.utils.data import WeightedRandomSampler as Weighted

    pairs = TensorDataset(torch.arange(12.0), torch.arange(12))
    for options in (
        {}, {"shuffle": True, "batch_size": 4}, {"num_workers": 2, "batch_size": 4, "worker_init_fn": in_worker},
        {"num_workers": 1, "worker_init_fn": in_worker, "persistent_workers": True, "pin_memory": True},
        {"sampler": Weighted([1.0] * 12, 6)},
    ):  # fmt: skip
        loader = DataLoader(pairs, **options)
        list(loader)
        list(loader) if options.get("persistent_workers") else None
        del loader
    half, rest = random_split(pairs, [6, 6])
    list(DataLoader(ConcatDataset([half, Subset(rest, [0, 1])]), batch_size=2))

    class Stream(IterableDataset):  # type: ignore[type-arg, misc]
        def __iter__(self) -> Any:
            return iter([{"a": 1, "b": [1.0, 2.0]}, {"a": 2, "b": [3.0, 4.0]}])

    list(DataLoader(Stream(), batch_size=2))
    from torch.utils.data.datapipes.iter import IterableWrapper

    list(IterableWrapper(range(6)).map(str).filter(str.isdigit).batch(2))


def autograd(torch: Any) -> None:
    class Cube(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return 3 * ctx.saved_tensors[0] ** 2 * gradient

    x = torch.randn(3, dtype=torch.double, requires_grad=True)
    Cube.apply(x).sum().backward()
    torch.autograd.gradcheck(Cube.apply, (x,))
    torch.autograd.grad((x * x).sum(), x, create_graph=True)
    torch.autograd.functional.jacobian(lambda y: y * y, x)
    torch.autograd.functional.hessian(lambda y: (y**3).sum(), x)
    torch.utils.checkpoint.checkpoint(torch.nn.Linear(3, 3).double(), x).sum().backward()
    with torch.no_grad(), torch.set_grad_enabled(True), torch.enable_grad(), torch.autograd.set_detect_anomaly(True):
        (x * 2).sum().backward()
    with torch.inference_mode():
        x * 2
    with torch.autograd.profiler.profile() as profile:
        torch.nn.Linear(3, 3).double()(x)
    profile.key_averages().table()
    with torch.autograd.graph.saved_tensors_hooks(lambda y: y, lambda y: y):
        (x * x).sum().backward()


def tensors(torch: Any) -> None:
    x = torch.randn(4, 4)
    (
        torch.einsum("ij,jk->ik", x, x),
        torch.split(x, 2),
        torch.norm(x),
        torch.stft(torch.randn(64), 16, return_complex=True),
    )
    torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"), torch.unique(x), torch.cdist(x, x)
    (
        torch.block_diag(x, x),
        torch.broadcast_tensors(x, x),
        torch.tensordot(x, x),
        torch.lu(x),
        torch.cartesian_prod(x[0]),
    )
    repr(x), x.unique(), x.norm(), x.split(2), hash(x), list(x), x.__reduce_ex__(2), x.share_memory_(), 1 / x, 2 - x
    x.register_hook, x.new_tensor, x.storage().tolist(), x.refine_names, torch.manual_seed(0), torch.seed()
    torch.distributions.Normal(0.0, 1.0).log_prob(x), torch.distributions.Categorical(logits=x).sample()
    torch.distributions.kl_divergence(torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(1.0, 1.0))
    torch.testing.assert_close(x, x.clone()), torch.fft.fftfreq(4), torch.set_default_dtype(torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.rand(1)


def compiling(torch: Any) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    torch.jit.trace(net, torch.ones(1, 2))(torch.ones(1, 2))
    torch.jit.script(net)(torch.ones(1, 2))
    graph = torch.fx.symbolic_trace(net)
    graph(torch.ones(1, 2)), str(graph.graph), graph.print_readable if hasattr(graph, "print_readable") else None
    torch.quantization.quantize_dynamic(net, {torch.nn.Linear})(torch.ones(1, 2))


def other_modules(torch: Any) -> None:
    nn = torch.nn
    image, row = torch.randn(2, 3, 8, 8), torch.randn(4, 6)
    nn.LazyLinear(3)(row), nn.LazyConv2d(4, 3)(image)
    table = nn.ParameterDict({"a": nn.Parameter(torch.ones(2)), "b": nn.Parameter(torch.zeros(2))})
    table["c"] = nn.Parameter(torch.ones(1))
    list(table.items()), table.pop("a"), len(table), "b" in table, repr(table)
    chain = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
    chain.append(nn.Linear(6, 2)), chain[0], chain[:2], len(chain), chain.add_module("last", nn.ReLU())
    chain(row), chain.register_parameter("scale", nn.Parameter(torch.ones(1)))
    names = nn.ModuleDict()
    names["x"] = nn.Linear(2, 2)
    names.update({"y": nn.ReLU()}), names.keys(), list(names.items()), names.pop("x")
    nn.init.calculate_gain("relu"), nn.init.dirac_(torch.empty(3, 3, 3)), nn.init.sparse_(torch.empty(3, 3), 0.1)
    for layer in (nn.Fold((4, 4), 2), nn.MaxUnpool2d(2), nn.CosineSimilarity(), nn.PairwiseDistance()):
        repr(layer)
    nn.MaxUnpool2d(2)(*nn.MaxPool2d(2, return_indices=True)(image))
    nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)(torch.randn(3, 2, 8), torch.randn(4, 2, 8))
    nn.AdaptiveLogSoftmaxWithLoss(6, 10, [3, 6])(row, torch.randint(0, 10, (4,)))
    for loss in (nn.GaussianNLLLoss(),):
        loss(row, row, torch.ones(4, 6))
    nn.MarginRankingLoss()(row[:, 0], row[:, 1], torch.ones(4)), nn.HingeEmbeddingLoss()(row, torch.ones(4, 6))
    nn.TripletMarginWithDistanceLoss()(row, row + 1, row - 1), nn.MultiLabelMarginLoss()(row, torch.zeros(4, 6).long())
    functional = nn.functional
    functional.grid_sample(image, functional.affine_grid(torch.randn(2, 2, 3), [2, 3, 8, 8], align_corners=False))
    functional.gumbel_softmax(row), functional.interpolate(image, scale_factor=2, mode="bilinear")
    functional.normalize(row), functional.one_hot(torch.arange(3)), functional.pad(image, (1, 1)), functional.glu(row)
    nn.utils.rnn.pack_sequence([torch.ones(3, 2), torch.ones(2, 2)]), nn.utils.rnn.pad_sequence([row, row])
    nn.utils.fusion.fuse_conv_bn_eval(nn.Conv2d(3, 3, 1).eval(), nn.BatchNorm2d(3).eval())
    nn.utils.stateless.functional_call(chain, {"0.bias": torch.zeros(6)}, row)
    nn.utils.prune.global_unstructured([(chain[0], "weight")], nn.utils.prune.L1Unstructured, amount=1)
    nn.utils.prune.remove(chain[0], "weight")
    nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(2, 2)))
    nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))(torch.ones(1, 3))
    nn.utils.clip_grad_value_(chain.parameters(), 1.0), nn.utils.skip_init(nn.Linear, 2, 2)

    class Extra(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def get_extra_state(self) -> Any:
            return 1

        def set_extra_state(self, state: Any) -> None: ...

        def forward(self, x: Any) -> Any:
            return self.inner(x)

    net = Extra()
    net.load_state_dict(net.state_dict()), net.to_empty(device="cpu"), net.bfloat16(), net.double()
    net.type(torch.float)
    __import__("copy").deepcopy(net), dir(net), net.extra_repr(), del_attribute(net)


def del_attribute(net: Any) -> None:
    del net.inner


def other_training(torch: Any) -> None:
    optim, schedules = torch.optim, torch.optim.lr_scheduler
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    optimizer = optim.AdamW(net.parameters(), lr=0.1, amsgrad=True, foreach=True)
    for schedule in (
        schedules.MultiStepLR(optimizer, [1]), schedules.CosineAnnealingWarmRestarts(optimizer, 2),
        schedules.PolynomialLR(optimizer), schedules.ConstantLR(optimizer),
        schedules.MultiplicativeLR(optimizer, lambda at: 0.9),
        schedules.ChainedScheduler([schedules.ConstantLR(optimizer)]),
        schedules.SequentialLR(optimizer, [schedules.ConstantLR(optimizer), schedules.LinearLR(optimizer)], [1]),
    ):  # fmt: skip
        net(torch.randn(3, 4)).sum().backward()
        optimizer.step()
        schedule.step()
        schedule.load_state_dict(schedule.state_dict())
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))]})
    averaged = optim.swa_utils.AveragedModel(net)
    optim.swa_utils.update_bn([torch.randn(3, 4)], averaged), optim.swa_utils.SWALR(optimizer, 0.1).step()
    sparse = torch.nn.Embedding(4, 2, sparse=True)
    rare = optim.SparseAdam(sparse.parameters())
    sparse(torch.tensor([1])).sum().backward()
    rare.step()
    scaler = torch.cuda.amp.GradScaler(enabled=False)
    scaler.scale(net(torch.randn(3, 4)).sum()).backward()
    scaler.step(optimizer), scaler.update()


def other_data(torch: Any) -> None:
    from torch.utils.data import (
        BatchSampler,
        ChainDataset,
        DataLoader,
        DistributedSampler,
        IterableDataset,
        RandomSampler,
        SequentialSampler,
        SubsetRandomSampler,
        TensorDataset,
    )
    from torch.utils.data.datapipes.iter import IterableWrapper
    from torch.utils.data.datapipes.map import SequenceWrapper

    pairs = TensorDataset(torch.arange(8.0))
    list(BatchSampler(SequentialSampler(pairs), 3, True)), list(SubsetRandomSampler([1, 2]))
    list(DistributedSampler(pairs, 2, 0)), list(RandomSampler(pairs, replacement=True, num_samples=3))
    list(DataLoader(pairs, batch_sampler=BatchSampler(RandomSampler(pairs), 2, False)))
    list(DataLoader(pairs, collate_fn=list, batch_size=2, drop_last=True)), len(DataLoader(pairs, batch_size=3))

    class Stream(IterableDataset):  # type: ignore[type-arg, misc]
        def __iter__(self) -> Any:
            return iter(range(3))

    list(ChainDataset([Stream(), Stream()]))
    pipe = IterableWrapper(range(6))
    one, two = pipe.fork(2)
    list(one.zip(two)), list(pipe.concat(IterableWrapper([1])).shuffle())
    list(pipe.sharding_filter().batch(2).collate())
    odd, even = IterableWrapper(range(4)).demux(2, lambda at: at % 2)
    list(odd.mux(even)), list(SequenceWrapper([1, 2]).map(str).shuffle()), list(IterableWrapper([[1], [2]]).unbatch())
    list(IterableWrapper(range(4)).groupby(lambda at: at % 2))


def other_autograd(torch: Any) -> None:
    class Twice(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.mark_non_differentiable(y)
            return x * 2, y

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, one: Any, other: Any) -> Any:
            return one * 2, None

    x = torch.randn(3, dtype=torch.double, requires_grad=True)
    Twice.apply(x, x.detach())[0].sum().backward()
    functional = torch.autograd.functional
    functional.jvp(lambda y: y * y, x.detach(), torch.ones(3).double())
    functional.vjp(lambda y: y * y, x.detach(), torch.ones(3).double())
    functional.hvp(lambda y: (y**3).sum(), x.detach(), torch.ones(3).double())
    functional.vhp(lambda y: (y**3).sum(), x.detach(), torch.ones(3).double())
    functional.jacobian(lambda y: y * y, x.detach(), vectorize=True)
    with torch.autograd.forward_ad.dual_level():
        torch.autograd.forward_ad.unpack_dual(torch.autograd.forward_ad.make_dual(x.detach(), x.detach()) * 2)
    with torch.autograd.graph.save_on_cpu(), torch.autograd.detect_anomaly():
        (x * x).sum().backward()
    torch.autograd.gradgradcheck(lambda y: y**3, (x,))
    torch.utils.checkpoint.checkpoint_sequential(torch.nn.Sequential(torch.nn.Linear(3, 3).double()), 1, x)
    with torch.profiler.profile(schedule=torch.profiler.schedule(wait=0, warmup=1, active=1)) as profile:
        for _ in range(3):
            (x * 2).sum().backward()
            profile.step()
    str(profile.key_averages())
    with torch.autograd.profiler.record_function("mine"), torch.set_grad_enabled(False):
        x * 2


def other_tensors(torch: Any) -> None:
    for shape in (
        torch.distributions.Beta(1.0, 2.0), torch.distributions.Gamma(1.0, 1.0), torch.distributions.Poisson(2.0),
        torch.distributions.Bernoulli(0.3), torch.distributions.Laplace(0.0, 1.0),
        torch.distributions.Uniform(0.0, 1.0), torch.distributions.Exponential(1.0),
        torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)),
        torch.distributions.LogNormal(0.0, 1.0), torch.distributions.Dirichlet(torch.ones(3)),
        torch.distributions.Independent(torch.distributions.Normal(torch.zeros(2), torch.ones(2)), 1),
        torch.distributions.Gumbel(0.0, 1.0), torch.distributions.OneHotCategorical(torch.ones(3)),
    ):  # fmt: skip
        shape.log_prob(shape.sample()), shape.mean, shape.variance, repr(shape)
        shape.expand((2, *shape.batch_shape)), shape.support
    torch.distributions.kl_divergence(torch.distributions.Beta(1.0, 2.0), torch.distributions.Beta(2.0, 1.0))

    class Named(torch.Tensor):  # type: ignore[name-defined, misc]
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, given: Any = (), keywords: Any = None) -> Any:
            return super().__torch_function__(function, types, given, keywords or {})

    named = torch.ones(2, 2).as_subclass(Named)
    named + 1, torch.cat([named, named]), torch.nn.functional.relu(named), named.sum(), named.split(1)
    torch.norm(named)
    x = torch.randn(3, 3)
    x in x, len(x), x.T, x.mT, x.__array__(), abs(x), reversed(x), x // 2, 2**x, 5 % x, x.align_to, x.is_shared()
    torch.atleast_2d(x), torch.chain_matmul(x, x), torch.unique_consecutive(x), torch.istft, torch.pca_lowrank(x, 2)
    torch.svd_lowrank(x, 2), torch.lobpcg(x @ x.T + torch.eye(3) * 9, 1)
    torch.sparse_coo_tensor([[0], [1]], [1.0], (2, 2))
    x.to_sparse().coalesce(), torch.save(x.to_sparse(), "/dev/null"), x.storage().data_ptr(), x.storage()[0]
    torch.set_printoptions(precision=3), repr(torch.randn(20, 100)), repr(x.to_sparse()), repr(torch.tensor([1 + 2j]))
    torch.testing.make_tensor((2, 2), device="cpu", dtype=torch.float), torch.random.get_rng_state(), torch.typename(x)
    torch.is_storage(x), torch.result_type(x, 1), torch.promote_types(torch.int, torch.float), torch.get_num_threads()
    with contextlib.suppress(AssertionError):
        torch.testing.assert_close(x, x + 1)
    future = torch.futures.Future()  # type: ignore[var-annotated]
    future.then(lambda done: done.value()), future.set_result(1), torch.futures.wait_all([future])


def other_compiling(torch: Any) -> None:
    import torch.fx.passes.shape_prop
    from torch import fx

    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    graph = fx.symbolic_trace(net)
    fx.Interpreter(graph).run(torch.ones(1, 2)), fx.Transformer(graph).transform()
    torch.fx.passes.shape_prop.ShapeProp(graph).propagate(torch.ones(1, 2))
    for at in graph.graph.nodes:
        if at.op == "call_module":
            with graph.graph.inserting_after(at):
                at.replace_all_uses_with(graph.graph.call_function(torch.neg, (at,)), lambda user: user.op == "output")
    graph.recompile(), graph.graph.lint(), graph.graph.eliminate_dead_code()
    fx.replace_pattern(graph, lambda y: torch.neg(y), lambda y: torch.abs(y))
    graph.print_readable(), __import__("copy").deepcopy(graph), __import__("pickle").dumps(graph)

    scripted = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.freeze(scripted.eval()), scripted.code, scripted.graph, scripted.state_dict(), repr(scripted)
    with tempfile.NamedTemporaryFile(suffix=".pt") as file:
        scripted.save(file.name)
        torch.jit.load(file.name)(torch.ones(1, 2))
    ready = torch.ao.quantization.QuantWrapper(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())).eval()
    ready.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
    prepared = torch.ao.quantization.prepare(ready)
    prepared(torch.randn(2, 4))
    torch.ao.quantization.convert(prepared)(torch.randn(2, 4))


FIRST: list[Callable[[Any], None]] = [modules, module_interface, training, data, autograd, tensors, compiling]
OTHER: list[Callable[[Any], None]] = [
    other_modules, other_training, other_data, other_autograd, other_tensors, other_compiling,
]  # fmt: skip


def main() -> None:
    warnings.simplefilter("ignore")
    parts = OTHER if "other" in sys.argv[2:] else FIRST
    if "lines" in sys.argv[2:]:
        sys.settrace(trace)
        threading.settrace(trace)
    else:
        sys.setprofile(watch)
        threading.setprofile(watch)
    import torch
    import torch.nn.utils.prune
    import torch.utils.checkpoint

    for part in parts:
        try:
            part(torch)
        except Exception as error:
            # What this build lacks is left out, and said.
            print(f"{part.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
    write_down()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
