#include "paint.h"

static int initModule() { return 0; }

at::Tensor PaintCpu(const at::Tensor& x) {
  initModule();  //: calls cpp:initModule exact
  return torch::mini_norm(x);  //: calls op:aten::mini_norm exact
}
