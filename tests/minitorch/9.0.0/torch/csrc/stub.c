#include <Python.h>

extern PyObject* initModule(void);  //: declares c:initModule

PyMODINIT_FUNC PyInit__C(void)  //: defines c:PyInit__C
{
  return initModule();  //: calls cpp:initModule exact
}
