#pragma once
#include <torch/extension.h>

at::Tensor PaintCpu(const at::Tensor& x);
at::Tensor PaintCuda(const at::Tensor& x);

struct Brush {
  int dip() { return 1; }
};

inline at::Tensor Paint(const at::Tensor& x) {
  if (x.is_cuda()) {
#ifdef WITH_CUDA
    return PaintCuda(x);  //: calls cpp:PaintCuda exact
#else
    AT_ERROR("Not compiled with GPU support");
#endif
  }
  return PaintCpu(x);  //: calls cpp:PaintCpu exact
}

inline at::Tensor PaintBackward(const at::Tensor& g) { return Paint(g); }
