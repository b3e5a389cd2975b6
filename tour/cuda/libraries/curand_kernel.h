#pragma once
struct curandStatePhilox4_32_10 {};
typedef curandStatePhilox4_32_10 curandStatePhilox4_32_10_t;
struct curandStateMtgp32 {};
__device__ void curand_init(
    unsigned long long, unsigned long long, unsigned long long, curandStatePhilox4_32_10_t*);
__device__ unsigned curand(curandStatePhilox4_32_10_t*);
__device__ uint4 curand4(curandStatePhilox4_32_10_t*);
__device__ float curand_uniform(curandStatePhilox4_32_10_t*);
__device__ float4 curand_uniform4(curandStatePhilox4_32_10_t*);
__device__ double curand_uniform_double(curandStatePhilox4_32_10_t*);
__device__ double2 curand_uniform2_double(curandStatePhilox4_32_10_t*);
__device__ float curand_normal(curandStatePhilox4_32_10_t*);
__device__ float4 curand_normal4(curandStatePhilox4_32_10_t*);
__device__ double2 curand_normal2_double(curandStatePhilox4_32_10_t*);
__device__ float4 curand_log_normal4(curandStatePhilox4_32_10_t*, float, float);
__device__ unsigned curand_poisson(curandStatePhilox4_32_10_t*, double);
