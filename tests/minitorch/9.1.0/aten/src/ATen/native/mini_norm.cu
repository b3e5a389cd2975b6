namespace at { namespace native {
template <typename scalar_t>
__global__ void mini_norm_kernel(scalar_t* out) {  //: defines cpp:at::native::mini_norm_kernel
  out[0] = 1;
}

Tensor mini_norm_cuda(const Tensor& input) {  //: defines cpp:at::native::mini_norm_cuda
  mini_norm_kernel<float><<<1, 32>>>(nullptr);
  return input;
}
}}
