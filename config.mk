# What a user or packager may want to change; make VAR=... on the command line works too.
CC      = gcc
CXX     = g++
PREFIX  = /usr/local
WERROR  = -Werror
# GPU code for these cards, and PTX for later ones
CUDA_ARCH = -gencode arch=compute_80,code=sm_80 -gencode arch=compute_86,code=sm_86 -gencode arch=compute_89,code=sm_89 \
            -gencode arch=compute_90a,code=sm_90a -gencode arch=compute_100,code=sm_100 -gencode arch=compute_100,code=compute_100
