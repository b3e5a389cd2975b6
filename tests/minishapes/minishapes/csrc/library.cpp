#include <torch/library.h>
#include "paint.h"

namespace shapes {
at::Tensor stroke_cpu(const at::Tensor& x) { return x; }
}

TORCH_LIBRARY(minishapes, m) {
  m.def("stroke(Tensor x) -> Tensor");  //: defines op:minishapes::stroke
}

TORCH_LIBRARY_IMPL(minishapes, CPU, m) {
  m.impl("stroke", &shapes::stroke_cpu);  //: dispatches op:minishapes::stroke -> cpp:shapes::stroke_cpu exact
}
