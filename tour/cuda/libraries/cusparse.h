#pragma once
typedef struct cusparseContext* cusparseHandle_t;
enum cusparseStatus_t { CUSPARSE_STATUS_SUCCESS };
const char* cusparseGetErrorString(cusparseStatus_t);
