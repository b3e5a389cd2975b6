// What libclang must know to read CUDA where no toolkit is installed: the language's words and variables, and of the
// runtime's functions those that PyTorch's headers call. Declarations only, written for this purpose; none of NVIDIA's.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#define __CUDACC__ 1
#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __managed__ __attribute__((managed))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __align__(n)
#define __grid_constant__
#define __cluster_dims__(...)
#define CUDA_VERSION 12060
#define CUDART_VERSION 12060
#define CUDART_CB
#define CUDAAPI
#define CUDART_INF_F __builtin_inff()
#define CUDART_NAN_F __builtin_nanf("")
#define CUDART_INF __builtin_inf()
#define CUDART_NAN __builtin_nan("")
#define TOUR_BOTH static __host__ __device__ inline

#define TOUR_VECTOR(name, type) \
  struct name##1 { type x; }; \
  struct name##2 { type x, y; }; \
  struct name##3 { type x, y, z; }; \
  struct name##4 { type x, y, z, w; }; \
  TOUR_BOTH name##1 make_##name##1(type x) { return {x}; } \
  TOUR_BOTH name##2 make_##name##2(type x, type y) { return {x, y}; } \
  TOUR_BOTH name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; } \
  TOUR_BOTH name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
TOUR_VECTOR(char, signed char)
TOUR_VECTOR(uchar, unsigned char)
TOUR_VECTOR(short, short)
TOUR_VECTOR(ushort, unsigned short)
TOUR_VECTOR(int, int)
TOUR_VECTOR(uint, unsigned int)
TOUR_VECTOR(long, long)
TOUR_VECTOR(ulong, unsigned long)
TOUR_VECTOR(longlong, long long)
TOUR_VECTOR(ulonglong, unsigned long long)
TOUR_VECTOR(float, float)
TOUR_VECTOR(double, double)
#undef TOUR_VECTOR

struct dim3 {
  unsigned int x, y, z;
  __host__ __device__ constexpr dim3(unsigned int x = 1, unsigned int y = 1, unsigned int z = 1) : x(x), y(y), z(z) {}
  __host__ __device__ constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};
extern const __device__ uint3 threadIdx, blockIdx;
extern const __device__ dim3 blockDim, gridDim;
extern const __device__ int warpSize;

enum cudaError { cudaSuccess, cudaErrorInvalidValue, cudaErrorMemoryAllocation, cudaErrorInitializationError,
  cudaErrorCudartUnloading, cudaErrorInvalidDevice = 101, cudaErrorInsufficientDriver = 35, cudaErrorNoDevice = 100,
  cudaErrorPeerAccessAlreadyEnabled = 704, cudaErrorNotReady = 600, cudaErrorAssert = 710, cudaErrorUnknown = 999,
  cudaErrorStreamCaptureUnsupported = 900, cudaErrorNotSupported = 801, cudaErrorLaunchFailure = 719 };
typedef enum cudaError cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9 };
enum cudaMemoryType { cudaMemoryTypeUnregistered, cudaMemoryTypeHost, cudaMemoryTypeDevice, cudaMemoryTypeManaged };
enum cudaDeviceAttr { cudaDevAttrMaxThreadsPerBlock = 1, cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97, cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
  cudaDevAttrComputeCapabilityMajor = 75, cudaDevAttrComputeCapabilityMinor = 76 };
enum { cudaEventDefault, cudaEventBlockingSync, cudaEventDisableTiming, cudaEventInterprocess = 4 };
enum { cudaStreamDefault, cudaStreamNonBlocking, cudaHostAllocDefault = 0, cudaHostAllocPortable = 1,
  cudaHostRegisterDefault = 0, cudaHostRegisterMapped = 2, cudaIpcMemLazyEnablePeerAccess = 1 };
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
typedef struct CUgraph_st* cudaGraph_t;
typedef struct CUgraphExec_st* cudaGraphExec_t;
typedef struct CUgraphNode_st* cudaGraphNode_t;
typedef struct CUmemPoolHandle_st* cudaMemPool_t;
typedef struct CUfunc_st* cudaFunction_t;
typedef struct CUstream_st* CUstream;
typedef struct CUctx_st* CUcontext;
typedef struct CUmod_st* CUmodule;
typedef struct CUfunc_st* CUfunction;
typedef unsigned long long CUdeviceptr;
typedef int CUdevice;
typedef unsigned long long cudaGraphConditionalHandle;
typedef unsigned long long cudaTextureObject_t;
enum CUresult { CUDA_SUCCESS, CUDA_ERROR_INVALID_VALUE };
#define cudaStreamLegacy ((cudaStream_t)0x1)
#define cudaStreamPerThread ((cudaStream_t)0x2)
struct cudaIpcMemHandle_t { char reserved[64]; };
struct cudaIpcEventHandle_t { char reserved[64]; };
struct cudaUUID_t { char bytes[16]; };
struct cudaFuncAttributes { std::size_t sharedSizeBytes, constSizeBytes, localSizeBytes; int maxThreadsPerBlock, numRegs; };
struct cudaPointerAttributes { cudaMemoryType type; int device; void *devicePointer, *hostPointer; };
struct cudaDeviceProp {
  char name[256]; cudaUUID_t uuid;
  std::size_t totalGlobalMem, sharedMemPerBlock, totalConstMem, sharedMemPerMultiprocessor, sharedMemPerBlockOptin, memPitch,
    textureAlignment;
  int regsPerBlock, warpSize, maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3], clockRate, major, minor,
    multiProcessorCount, l2CacheSize, maxThreadsPerMultiProcessor, integrated, canMapHostMemory, concurrentKernels,
    isMultiGpuBoard, regsPerMultiprocessor, managedMemory, pciBusID, pciDeviceID, pciDomainID, memoryBusWidth,
    memoryClockRate, cooperativeLaunch, maxBlocksPerMultiProcessor, unifiedAddressing, pageableMemoryAccess;
};

extern "C" {
cudaError_t cudaConfigureCall(dim3, dim3, std::size_t = 0, cudaStream_t = nullptr);
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t = 0, cudaStream_t = nullptr);
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char* cudaGetErrorString(cudaError_t);
const char* cudaGetErrorName(cudaError_t);
cudaError_t cudaMalloc(void**, std::size_t);
cudaError_t cudaMallocAsync(void**, std::size_t, cudaStream_t);
cudaError_t cudaMallocHost(void**, std::size_t);
cudaError_t cudaHostAlloc(void**, std::size_t, unsigned);
cudaError_t cudaHostRegister(void*, std::size_t, unsigned);
cudaError_t cudaFree(void*);
cudaError_t cudaFreeAsync(void*, cudaStream_t);
cudaError_t cudaFreeHost(void*);
cudaError_t cudaMemcpy(void*, const void*, std::size_t, cudaMemcpyKind);
cudaError_t cudaMemcpyAsync(void*, const void*, std::size_t, cudaMemcpyKind, cudaStream_t = nullptr);
cudaError_t cudaMemcpyPeerAsync(void*, int, const void*, int, std::size_t, cudaStream_t = nullptr);
cudaError_t cudaMemset(void*, int, std::size_t);
cudaError_t cudaMemsetAsync(void*, int, std::size_t, cudaStream_t = nullptr);
cudaError_t cudaMemGetInfo(std::size_t*, std::size_t*);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaDeviceCanAccessPeer(int*, int, int);
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned);
cudaError_t cudaDeviceGetAttribute(int*, cudaDeviceAttr, int);
cudaError_t cudaGetDevice(int*);
cudaError_t cudaSetDevice(int);
cudaError_t cudaGetDeviceCount(int*);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int);
cudaError_t cudaDriverGetVersion(int*);
cudaError_t cudaRuntimeGetVersion(int*);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes*, const void*);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t*, unsigned, int);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaStreamQuery(cudaStream_t);
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned = 0);
cudaError_t cudaStreamGetPriority(cudaStream_t, int*);
cudaError_t cudaDeviceGetStreamPriorityRange(int*, int*);
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus*);
cudaError_t cudaStreamGetCaptureInfo(
    cudaStream_t, cudaStreamCaptureStatus*, unsigned long long* = nullptr, cudaGraph_t* = nullptr,
    const cudaGraphNode_t** = nullptr, std::size_t* = nullptr);
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode*);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t*, unsigned);
cudaError_t cudaEventCreate(cudaEvent_t*);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t = nullptr);
cudaError_t cudaEventQuery(cudaEvent_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventElapsedTime(float*, cudaEvent_t, cudaEvent_t);
cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t*, cudaEvent_t);
cudaError_t cudaIpcOpenEventHandle(cudaEvent_t*, cudaIpcEventHandle_t);
cudaError_t cudaLaunchKernel(const void*, dim3, dim3, void**, std::size_t, cudaStream_t);
cudaError_t cudaLaunchCooperativeKernel(const void*, dim3, dim3, void**, std::size_t, cudaStream_t);
}
template <typename T>
cudaError_t cudaMalloc(T**, std::size_t);
template <typename T>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes*, T*);
template <typename T>
cudaError_t cudaFuncSetAttribute(T*, cudaFuncAttribute, int);
template <typename T>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int*, T, int, std::size_t);
template <typename T>
cudaError_t cudaLaunchCooperativeKernel(const T*, dim3, dim3, void**, std::size_t = 0, cudaStream_t = nullptr);

__device__ void __syncthreads();
__device__ int __syncthreads_or(int);
__device__ int __syncthreads_and(int);
__device__ int __syncthreads_count(int);
__device__ void __syncwarp(unsigned = 0xffffffff);
__device__ void __threadfence();
__device__ void __threadfence_block();
__device__ void __threadfence_system();
__device__ void __trap();
__device__ void __assert_fail(const char*, const char*, unsigned, const char*);
__device__ unsigned __activemask();
__device__ unsigned __ballot_sync(unsigned, int);
__device__ int __any_sync(unsigned, int);
__device__ int __all_sync(unsigned, int);
__device__ unsigned __match_any_sync(unsigned, unsigned long long);
template <typename T>
__device__ T __shfl_sync(unsigned, T, int, int = 32);
template <typename T>
__device__ T __shfl_xor_sync(unsigned, T, int, int = 32);
template <typename T>
__device__ T __shfl_up_sync(unsigned, T, unsigned, int = 32);
template <typename T>
__device__ T __shfl_down_sync(unsigned, T, unsigned, int = 32);
template <typename T>
__device__ T __ldg(const T*);
__device__ int __popc(unsigned);
__device__ int __popcll(unsigned long long);
__device__ int __clz(int);
__device__ int __ffs(int);
__device__ unsigned __brev(unsigned);
__device__ unsigned __umulhi(unsigned, unsigned);
__device__ unsigned long long __umul64hi(unsigned long long, unsigned long long);
__device__ long long clock64();
__device__ int __float_as_int(float);
__device__ unsigned __float_as_uint(float);
__device__ float __int_as_float(int);
__device__ float __uint_as_float(unsigned);
__device__ long long __double_as_longlong(double);
__device__ double __longlong_as_double(long long);
__device__ float __expf(float);
__device__ float __logf(float);
__device__ float __fdividef(float, float);
__device__ float __frcp_rn(float);
TOUR_BOTH float rsqrtf(float x) { return x; }
TOUR_BOTH double rsqrt(double x) { return x; }
TOUR_BOTH float rsqrt(float x) { return x; }
TOUR_BOTH float normcdff(float x) { return x; }
TOUR_BOTH double normcdf(double x) { return x; }
TOUR_BOTH float erfcinvf(float x) { return x; }
TOUR_BOTH double erfcinv(double x) { return x; }
#define TOUR_MIXED(type) \
  TOUR_BOTH type min(type a, type b) { return a < b ? a : b; } \
  TOUR_BOTH type max(type a, type b) { return a < b ? b : a; }
TOUR_MIXED(int)
TOUR_MIXED(unsigned)
TOUR_MIXED(long)
TOUR_MIXED(unsigned long)
TOUR_MIXED(long long)
TOUR_MIXED(unsigned long long)
TOUR_MIXED(float)
TOUR_MIXED(double)
#undef TOUR_MIXED
#define TOUR_ATOMIC(name) \
  template <typename T> \
  __device__ T atomic##name(T*, T);
TOUR_ATOMIC(Add)
TOUR_ATOMIC(Sub)
TOUR_ATOMIC(Exch)
TOUR_ATOMIC(Min)
TOUR_ATOMIC(Max)
TOUR_ATOMIC(And)
TOUR_ATOMIC(Or)
TOUR_ATOMIC(Xor)
TOUR_ATOMIC(Inc)
#undef TOUR_ATOMIC
template <typename T>
__device__ T atomicCAS(T*, T, T);
__device__ inline float atomicAdd(float*, float);
__device__ inline double atomicAdd(double*, double);

struct __half_raw { unsigned short x; };
struct __half {
  __half() = default;
  __host__ __device__ __half(float);
  __host__ __device__ __half(__half_raw);
  __host__ __device__ operator float() const;
};
struct __half2 { __half x, y; };
typedef __half half;
typedef __half2 half2;
struct __nv_bfloat16_raw { unsigned short x; };
struct __nv_bfloat16 {
  __nv_bfloat16() = default;
  __host__ __device__ __nv_bfloat16(float);
  __host__ __device__ __nv_bfloat16(__nv_bfloat16_raw);
  __host__ __device__ operator float() const;
};
struct __nv_bfloat162 { __nv_bfloat16 x, y; };
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;
__host__ __device__ float __half2float(__half);
__host__ __device__ __half __float2half(float);
__host__ __device__ __half __float2half_rn(float);
__host__ __device__ __half __ushort_as_half(unsigned short);
__host__ __device__ unsigned short __half_as_ushort(__half);
__host__ __device__ __half2 __float2half2_rn(float);
__host__ __device__ __half2 __floats2half2_rn(float, float);
__host__ __device__ float2 __half22float2(__half2);
__host__ __device__ float __bfloat162float(__nv_bfloat16);
__host__ __device__ __nv_bfloat16 __float2bfloat16(float);
__host__ __device__ __nv_bfloat16 __float2bfloat16_rn(float);
__host__ __device__ __nv_bfloat16 __ushort_as_bfloat16(unsigned short);
__host__ __device__ unsigned short __bfloat16_as_ushort(__nv_bfloat16);

typedef float2 cuFloatComplex;
typedef double2 cuDoubleComplex;
typedef cuFloatComplex cuComplex;
enum cudaDataType { CUDA_R_16F = 2, CUDA_C_16F = 6, CUDA_R_16BF = 14, CUDA_C_16BF = 15, CUDA_R_32F = 0, CUDA_C_32F = 4,
  CUDA_R_64F = 1, CUDA_C_64F = 5, CUDA_R_8I = 3, CUDA_R_8U = 8, CUDA_R_16I = 20, CUDA_R_32I = 10, CUDA_R_64I = 24,
  CUDA_R_8F_E4M3 = 28, CUDA_R_8F_E5M2 = 29 };
typedef enum cudaDataType cudaDataType_t;
