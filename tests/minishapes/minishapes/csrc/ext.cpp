#include "paint.h"

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("paint", &Paint);  //: binds py:minishapes._C.paint -> cpp:Paint exact
  m.def("paint_backward", &PaintBackward);
  py::class_<Brush>(m, "Brush")
      .def("dip", &Brush::dip);  //: binds py:minishapes._C.Brush.dip -> cpp:Brush::dip exact
}
