#include "macros.h"

namespace torch {
namespace other {
void initModule(PyObject* module);  //: declares cpp:torch::other::initModule
}
}  // namespace torch

static PyObject* THPModule_initExtension(PyObject* self, PyObject* path) {  //: defines cpp:THPModule_initExtension
  HANDLE_ERRORS
  torch::utils::initializeDtypes();  //: calls cpp:torch::utils::initializeDtypes exact
  mini::Widget::make();  //: calls cpp:mini::Widget::make exact
  return nullptr;
  END_HANDLE_ERRORS
}

static std::initializer_list<PyMethodDef> MiniMethods = {  //: defines cpp:MiniMethods
    {"_initExtension", THPModule_initExtension, METH_O, nullptr},  //: binds py:torch._C._initExtension -> cpp:THPModule_initExtension exact
    {"_autograd_init", THPAutograd_initExtension, METH_NOARGS, nullptr},  //: binds py:torch._C._autograd_init -> cpp:THPAutograd_initExtension exact
    {"_with_keywords",
     castPyCFunctionWithKeywords(THPModule_initExtension),
     METH_VARARGS | METH_KEYWORDS,
     nullptr},
    {nullptr, nullptr, 0, nullptr}};

extern "C" MINI_API PyObject* initModule();
PyObject* initModule() {  //: defines cpp:initModule
  HANDLE_ERRORS
  addLogging();
  THPUtils_addPyMethodDefs(methods, std::data(MiniMethods));  //: init cpp:MiniMethods exact

  static struct PyModuleDef torchmodule = {
      PyModuleDef_HEAD_INIT, "torch._C", nullptr, -1, methods.data()};
  ASSERT_TRUE(THPVariable_initModule(module));  //: calls cpp:THPVariable_initModule exact
  torch::autograd::initTorchFunctions(module);  //: calls cpp:torch::autograd::initTorchFunctions exact
#ifdef USE_CUDA
  torch::other::initModule(module);  //: calls cpp:torch::other::initModule exact
#endif
  helper(module);  //: calls cpp:one::helper name
  return module;
  END_HANDLE_ERRORS
}
