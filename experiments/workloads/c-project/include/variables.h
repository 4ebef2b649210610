#ifndef VARIABLES_H
#define VARIABLES_H

#include "pocket.h"
#include "text.h"

typedef struct {
    char name[POCKET_NAME_MAX];
    Value value;
} Variable;

typedef struct {
    Variable variable[POCKET_VARIABLES_MAX]; /* in the order they were first set */
    int count;
} Variables;

/* The variable's value, or NULL. */
const Value *variables_get(const Variables *variables, Text name);

/* False if the name is too long, or there are too many. */
bool variables_set(Variables *variables, Text name, Value value);

#endif
