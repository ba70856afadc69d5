# What a user or packager may want to change; make VAR=... on the command line works too.
CC      = gcc
CXX     = g++
PREFIX  = /usr/local
WERROR  = -Werror
# GPU code: native for these cards, and PTX that the driver compiles for others
CUDA_ARCH = -gencode arch=compute_80,code=[sm_80,compute_80] -gencode arch=compute_90a,code=sm_90a
