/* From a tree to its value. Units are checked on the way: metres are never added to seconds. */
#include "evaluate.h"

#include <math.h>

#include "dimension.h"
#include "functions.h"
#include "units.h"

#define EXPONENT_MAX 99 /* of a quantity with units: larger ones are mistakes */

static Value name_value(const Node *node, const Variables *variables, Failure *failure)
{
    const Value *value = variables_get(variables, node->name);
    if (value)
        return *value;
    const Unit *unit = unit_find(node->name);
    if (unit)
        return (Value){unit->factor, unit->dimension};
    fail_about(failure, node->column, "what is", node->name);
    return (Value){0};
}

static Value power(Value base, Value exponent, int column, Failure *failure)
{
    if (!dimension_none(exponent.dimension))
        fail(failure, column, "an exponent has no unit");
    else if (dimension_none(base.dimension))
        return (Value){pow(base.number, exponent.number), base.dimension};
    else if (exponent.number != floor(exponent.number) || fabs(exponent.number) > EXPONENT_MAX)
        fail(failure, column, "a unit's exponent is a small whole number");
    else
        return (Value){pow(base.number, exponent.number), dimension_power(base.dimension, (int)exponent.number)};
    return (Value){0};
}

static Value quotient(Value left, Value right, int column, Failure *failure)
{
    if (right.number == 0) {
        fail(failure, column, "division by zero");
        return (Value){0};
    }
    return (Value){left.number / right.number,
                   dimension_times(left.dimension, dimension_power(right.dimension, -1))};
}

static Value binary(const Node *node, const Variables *variables, Failure *failure)
{
    Value left = evaluate(node->child[0], variables, failure);
    Value right = evaluate(node->child[1], variables, failure);
    if (failure->happened)
        return (Value){0};

    switch (node->operation) {
    case '*':
        return (Value){left.number * right.number, dimension_times(left.dimension, right.dimension)};
    case '/':
        return quotient(left, right, node->column, failure);
    case '^':
        return power(left, right, node->column, failure);
    }
    if (!dimension_equal(left.dimension, right.dimension)) {
        fail(failure, node->column, "these units do not add up");
        return (Value){0};
    }
    return (Value){node->operation == '+' ? left.number + right.number : left.number - right.number,
                   left.dimension};
}

static Value call(const Node *node, const Variables *variables, Failure *failure)
{
    Value arguments[POCKET_ARGUMENTS_MAX];
    for (int i = 0; i < node->count; i++)
        arguments[i] = evaluate(node->child[i], variables, failure);
    if (failure->happened)
        return (Value){0};
    return function_call(node->name, node->column, arguments, node->count, failure);
}

Value evaluate(const Node *node, const Variables *variables, Failure *failure)
{
    switch (node->kind) {
    case NODE_NAME:
        return name_value(node, variables, failure);
    case NODE_BINARY:
        return binary(node, variables, failure);
    case NODE_CALL:
        return call(node, variables, failure);
    case NODE_NEGATE: {
        Value value = evaluate(node->child[0], variables, failure);
        value.number = -value.number;
        return value;
    }
    case NODE_NUMBER:
        break;
    }
    return (Value){.number = node->number};
}

double convert(Value value, Value unit, int column, Failure *failure)
{
    if (!dimension_equal(value.dimension, unit.dimension))
        fail(failure, column, "cannot be converted to this unit");
    else if (unit.number == 0)
        fail(failure, column, "division by zero");
    else
        return value.number / unit.number;
    return 0;
}
