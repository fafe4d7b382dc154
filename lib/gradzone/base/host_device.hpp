// Marks functions that also run on a CUDA device; for other compilers it is nothing.
#pragma once

#ifdef __CUDACC__
#define GRADZONE_HOST_DEVICE __host__ __device__
#else
#define GRADZONE_HOST_DEVICE
#endif
