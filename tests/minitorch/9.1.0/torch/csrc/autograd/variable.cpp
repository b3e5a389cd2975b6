#include "../macros.h"

bool THPVariable_initModule(PyObject* module) {  //: defines cpp:THPVariable_initModule
  return true;
}

PyObject* THPAutograd_initExtension(PyObject* _unused, PyObject* unused) {
  return nullptr;
}

namespace torch::autograd {
namespace {
void gather() {}  //: defines cpp:torch::autograd::gather
}  // namespace

void initTorchFunctions(PyObject* module) {  //: defines cpp:torch::autograd::initTorchFunctions
  gather();  //: calls cpp:torch::autograd::gather exact
}
}  // namespace torch::autograd

namespace torch {
namespace utils {
void initializeDtypes() {}
}  // namespace utils
namespace other {
void initModule(PyObject* module) {}
}  // namespace other
}  // namespace torch

namespace one {
void helper(PyObject* module) {}
}  // namespace one
namespace two {
void helper(PyObject* module) {}
}  // namespace two
