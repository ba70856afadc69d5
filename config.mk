# What a user or packager may want to change; make VAR=... on the command line works too.
CC      = gcc
CXX     = g++
PREFIX  = /usr/local
WERROR  = -Werror
# GPU code of an ordinary build: native for A100 and H100, and PTX that the driver compiles for other cards
CUDA_ARCH = -gencode arch=compute_80,code=[sm_80,compute_80] -gencode arch=compute_90a,code=sm_90a
# ... and of `make bundle`: native for CARDS, PTX of PTX (make bundle CARDS=90a PTX= is fast and small)
CARDS = 80 86 89 90a 100
PTX   = 80 100
