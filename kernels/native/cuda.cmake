# For which cards the pack is compiled: all from compute capability 7.5 to 12.1 that the toolkit knows.

find_package(CUDAToolkit REQUIRED)
if(PACK_CUDA_MAJOR AND NOT CUDAToolkit_VERSION_MAJOR STREQUAL PACK_CUDA_MAJOR)
    message(FATAL_ERROR "The pack is for CUDA ${PACK_CUDA_MAJOR}; the toolkit here is ${CUDAToolkit_VERSION}.")
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real)
    if(CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.8)
        # For cards to come, the newest instructions that are not bound to one family: those of 12x are, as llama.cpp
        # compiles them ("a", for products of 4-bit floats).
        list(APPEND CMAKE_CUDA_ARCHITECTURES 100 120a-real)
    else()
        list(APPEND CMAKE_CUDA_ARCHITECTURES 90-virtual)
    endif()
    if(CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.9)
        # llama.cpp takes a 12.1 for a 12.0 once it has code for that, and runs into functions that are not there.
        list(APPEND CMAKE_CUDA_ARCHITECTURES 121a-real)
    endif()
endif()
set(PACK_DEVICES "${CMAKE_CUDA_ARCHITECTURES}" CACHE INTERNAL "For the manifest")

if(NOT TARGET CUDA::cuda_driver)
    message(STATUS "The driver's stub library is missing: memory pools without virtual addresses (GGML_CUDA_NO_VMM)")
    set(GGML_CUDA_NO_VMM ON)
endif()
