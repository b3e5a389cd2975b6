#include "paint.h"

template <typename T>
__global__ void PaintKernel(const T* in, T* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i];
}

at::Tensor PaintCuda(const at::Tensor& x) {
  auto out = at::mini_norm(x);  //: calls op:aten::mini_norm exact
  PaintKernel<float><<<1024, 64>>>(x.data_ptr<float>(), out.data_ptr<float>(), 1);  //: launches cpp:PaintKernel exact
  return out;
}
