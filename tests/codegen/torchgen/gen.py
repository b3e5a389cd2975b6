"""A code generation of minitorch's own: as many files as it takes to show each way that generated code is treated."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--source-path")
parser.add_argument("-d", "--install_dir", type=Path)
parser.add_argument("--per-operator-headers", action="store_true")
parser.add_argument("--aoti-install-dir", type=Path, default=Path("torch/csrc/inductor/aoti_torch/generated"))
options = parser.parse_args()

OPERATORS = (Path(options.source_path) / "native/native_functions.yaml").read_text()
assert "native_mini_norm" in OPERATORS

FILES = {
    "Operators_0.cpp": """\
namespace at { namespace _ops {
at::Tensor mini_norm::call(const at::Tensor & input, double eps) {
    static auto op = create_mini_norm_typed_handle();
    return op.call(input, eps);
}
}} // namespace at::_ops
""",
    "Operators_1.cpp": """\
namespace at { namespace _ops {
at::Tensor mini_div::call(const at::Tensor & self, const at::Tensor & other) {
    static auto op = create_mini_div_typed_handle();
    return op.call(self, other);
}
at::Tensor mini_div::redispatch(c10::DispatchKeySet dispatchKeySet, const at::Tensor & self, const at::Tensor & other) {
    static auto op = create_mini_div_typed_handle();
    return op.redispatch(dispatchKeySet, self, other);
}
}} // namespace at::_ops
""",
    "ops/mini_div.h": """\
namespace at {
inline at::Tensor mini_div(const at::Tensor & self, const at::Tensor & other) {
    return at::_ops::mini_div::call(self, other);
}
}
""",
    "ops/mini_div_native.h": """\
namespace at { namespace native {
struct structured_mini_div_out : public at::meta::structured_mini_div {
void impl(const at::Tensor & self, const at::Tensor & other, const at::Tensor & out);
};
}}
""",
    "RedispatchFunctions.h": """\
namespace at { namespace redispatch {
    inline at::Tensor mini_div(c10::DispatchKeySet dispatchKeySet, const at::Tensor & self, const at::Scalar & other) {
        return at::_ops::mini_div_Scalar::redispatch(dispatchKeySet, self, other);
    }
    inline at::Tensor mini_div(c10::DispatchKeySet dispatchKeySet, const at::Tensor & self, const at::Tensor & other) {
        return at::_ops::mini_div::redispatch(dispatchKeySet, self, other);
    }
}} // namespace at::redispatch
""",
    "OperatorsEverything.cpp": "namespace at { namespace _ops { void everything() {} }}\n",
    "ops/mini_norm.h": """\
namespace at {
inline at::Tensor mini_norm(const at::Tensor & input, double eps) {
    return at::_ops::mini_norm::call(input, eps);
}
}
""",
    "ops/mini_norm_ops.h": """\
namespace at { namespace _ops {
struct mini_norm {
  static at::Tensor call(const at::Tensor & input, double eps);
};
}} // namespace at::_ops
""",
    "ops/mini_norm_native.h": """\
namespace at { namespace meta {
struct structured_mini_norm { void meta(const at::Tensor & input); };
}
namespace native {
struct structured_mini_norm_cpu : public at::meta::structured_mini_norm {
void impl(const at::Tensor & input);
};
}}
""",
    "RegisterCPU.cpp": """\
namespace at { namespace {
struct structured_mini_norm_cpu_functional final : public at::native::structured_mini_norm_cpu {
    void set_output_strided() override {}
};
at::Tensor wrapper_CPU_mini_norm(const at::Tensor & input) {
structured_mini_norm_cpu_functional op;
op.meta(input);
op.impl(input);
return op.outputs_[0];
}
at::Tensor wrapper_CPU_other(const at::Tensor & input) {
op.impl(input);
}
struct structured_mini_div_out_functional final : public at::native::structured_mini_div_out {
    void set_output_strided() override {}
};
at::Tensor wrapper_CPU_mini_div(const at::Tensor & self, const at::Tensor & other) {
structured_mini_div_out_functional op;
op.meta(self, other);
op.impl(self, other, op.outputs_[0]);
return op.outputs_[0];
}
TORCH_LIBRARY_IMPL(aten, CPU, m) {
m.impl("mini_div", TORCH_FN(wrapper_CPU_mini_div));
}
}}
""",
}
for name, text in FILES.items():
    file = options.install_dir / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)

# As torchgen has done since 2.2: beside the headers that are in the repository, unless told otherwise.
options.aoti_install_dir.mkdir(parents=True, exist_ok=True)
(options.aoti_install_dir / "c_shim_cpu.cpp").write_text("AOTITorchError aoti_torch_cpu_mini_norm() {}\n")
