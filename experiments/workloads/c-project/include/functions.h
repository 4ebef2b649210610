#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "failure.h"
#include "pocket.h"
#include "text.h"

/* Calls the function of that name. On failure notes it and returns zero. */
Value function_call(Text name, int column, const Value *arguments, int count, Failure *failure);

#endif
