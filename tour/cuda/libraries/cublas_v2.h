#pragma once
#include <cuda_runtime_api.h>
#include <library_types.h>
#include <cuComplex.h>
typedef struct cublasContext* cublasHandle_t;
enum cublasStatus_t { CUBLAS_STATUS_SUCCESS };
