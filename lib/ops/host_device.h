/* lib/ops/host_device.h: marks a static inline function that nvcc compiles for the device too: CPU and CUDA rows share it. */
#ifndef BP_HOST_DEVICE_H
#define BP_HOST_DEVICE_H

#ifdef __CUDACC__
#define BP_HOST_DEVICE __host__ __device__
#else
#define BP_HOST_DEVICE
#endif

#endif
