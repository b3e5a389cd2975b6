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
static PyMethodDef torch_functions_shard[] = {
  {"mini_norm", castPyCFunctionWithKeywords(THPVariable_mini_norm), METH_VARARGS, nullptr},
};
}}
"""
csrc = options.gen_dir / "torch/csrc"
files = {
    "autograd/generated/python_torch_functions_0.cpp": BINDINGS,
    "autograd/generated/templates/VariableType.cpp": "void template_only() {}\n",
}
if options.gen_lazy_ts_backend:
    files["lazy/generated/LazyIr.h"] = "struct LazyIr {};\n"
for name, text in files.items():
    (csrc / name).parent.mkdir(parents=True, exist_ok=True)
    (csrc / name).write_text(text)
