# GRADZONE_CUDA: the kernel bodies of kernels/cuda/ compiled by nvcc; without it a stub takes the card's place.
if(GRADZONE_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)  # A100, H100, and PTX for what comes after
  endif()
  enable_language(CUDA)
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know it
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  # The libraries themselves are looked for when a format of tensor cores is asked for.
  find_path(GRADZONE_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_path(GRADZONE_CUBLAS_INCLUDE cublas_v2.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  if(NOT GRADZONE_CUDNN_INCLUDE OR NOT GRADZONE_CUBLAS_INCLUDE)
    message(STATUS "No headers of cuDNN and cuBLAS: the formats fp16-tc, bf16-tc, tf32-tc and amp16-tc are left out")
  endif()
endif()

# Adds CUDA sources to a module, or else the file that takes their place. As for the CPU, nothing is contracted
# and no result is approximate; std::bit_cast is constexpr and so allowed on the device.
function(gradzone_cuda_sources name)
  cmake_parse_arguments(S "" "STUB" "SOURCES" ${ARGN})
  if(NOT GRADZONE_CUDA)
    target_sources(gradzone_${name} PRIVATE ${S_STUB})
    return()
  endif()
  target_sources(gradzone_${name} PRIVATE ${S_SOURCES})
  target_link_libraries(gradzone_${name} PRIVATE CUDA::cudart_static)
  set_source_files_properties(${S_SOURCES} PROPERTIES COMPILE_OPTIONS
    "--expt-relaxed-constexpr;-fmad=false;-prec-div=true;-prec-sqrt=true;-ftz=false;-lineinfo")
endfunction()
