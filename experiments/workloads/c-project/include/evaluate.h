#ifndef EVALUATE_H
#define EVALUATE_H

#include "tree.h"
#include "variables.h"

/* What the expression is worth. On failure notes it and returns zero. */
Value evaluate(const Node *node, const Variables *variables, Failure *failure);

/* How many of `unit` are in `value`. On failure notes it and returns zero. */
double convert(Value value, Value unit, int column, Failure *failure);

#endif
