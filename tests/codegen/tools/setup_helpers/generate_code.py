"""The other half: bindings, and a lazy backend behind an option in its former spelling."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--native-functions-path")
parser.add_argument("--tags-path")
parser.add_argument("--gen-dir", type=Path)
parser.add_argument("--gen_lazy_ts_backend", action="store_true")
options = parser.parse_args()

BINDINGS = """\
namespace torch { namespace autograd {
static PyObject * THPVariable_mini_norm(PyObject* self_, PyObject* args, PyObject* kwargs)
{
  auto dispatch_mini_norm = [](const at::Tensor & input, double eps) -> at::Tensor {
    return at::mini_norm(input, eps);
  };
}
static PyObject * THPVariable_mini_div(PyObject* self_, PyObject* args, PyObject* kwargs)
{
  auto dispatch_mini_div = [](const at::Tensor & self, const at::Tensor & other) -> at::Tensor {
    return at::mini_div(self, other);
  };
}
static PyMethodDef torch_functions_shard[] = {
  {"mini_div", castPyCFunctionWithKeywords(THPVariable_mini_div), METH_VARARGS, nullptr},
  {"mini_norm", castPyCFunctionWithKeywords(THPVariable_mini_norm), METH_VARARGS, nullptr},
};
}}
"""
VARIABLE_TYPE = """\
namespace torch { namespace autograd {
namespace VariableType { namespace {
at::Tensor mini_div(c10::DispatchKeySet ks, const at::Tensor & self, const at::Tensor & other) {
  std::shared_ptr<MiniDivBackward0> grad_fn;
  if (_any_requires_grad) {
    grad_fn = std::shared_ptr<MiniDivBackward0>(new MiniDivBackward0(), deleteNode);
  }
  auto _tmp = ([&]() {
    at::AutoDispatchBelowADInplaceOrView guard;
    return at::redispatch::mini_div(ks & c10::after_autograd_keyset, self_, other_);
  })();
  return _tmp;
}
}}
namespace {
TORCH_LIBRARY_IMPL(aten, Autograd, m) {
m.impl("mini_div",
       TORCH_FN(VariableType::mini_div)
);
}
}
}}
"""
TRACE_TYPE = """\
namespace torch { namespace TraceType { namespace {
at::Tensor mini_div(c10::DispatchKeySet ks, const at::Tensor & self, const at::Tensor & other) {
  return at::_ops::mini_div::redispatch(ks & c10::after_Tracer_keyset, self, other);
}
}
TORCH_LIBRARY_IMPL(aten, Tracer, m) {
  m.impl("mini_div",
         TORCH_FN(TraceType::mini_div)
  );
}
}}
"""
NODES = """\
namespace torch { namespace autograd { namespace generated {
struct MiniDivBackward0 : public TraceableFunction {
  variable_list apply(variable_list&& grads) override;
};
}}}
"""
APPLIED = """\
namespace torch { namespace autograd { namespace generated {
variable_list MiniDivBackward0::apply(variable_list&& grads) {
  return grads;
}
}}}
"""
csrc = options.gen_dir / "torch/csrc"
files = {
    "autograd/generated/python_torch_functions_0.cpp": BINDINGS,
    "autograd/generated/VariableType_0.cpp": VARIABLE_TYPE,
    "autograd/generated/TraceType_0.cpp": TRACE_TYPE,
    "autograd/generated/Functions.h": NODES,
    "autograd/generated/Functions.cpp": APPLIED,
    "autograd/generated/templates/VariableType.cpp": "void template_only() {}\n",
}
if options.gen_lazy_ts_backend:
    files["lazy/generated/LazyIr.h"] = "struct LazyIr {};\n"
for name, text in files.items():
    (csrc / name).parent.mkdir(parents=True, exist_ok=True)
    (csrc / name).write_text(text)
