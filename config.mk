# What a user or packager may want to change; make VAR=... on the command line works too.
CC      = gcc
CXX     = g++
PREFIX  = /usr/local
BLAS    = -lopenblas
WERROR  = -Werror
