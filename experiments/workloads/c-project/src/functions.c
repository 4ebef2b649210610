/* The functions a line may call: sqrt, abs, floor, round, min, max, mean. */
#include "functions.h"

#include <math.h>

#include "dimension.h"

typedef struct {
    const Value *value; /* at least one, all of one dimension */
    int count;
    int column;
    Failure *failure;
} Arguments;

static Value square_root(Arguments given)
{
    Value root = {0};
    if (given.value[0].number < 0)
        fail(given.failure, given.column, "no square root of a negative number");
    else if (!dimension_root(given.value[0].dimension, &root.dimension))
        fail(given.failure, given.column, "no square root of this unit");
    else
        root.number = sqrt(given.value[0].number);
    return root;
}

static Value absolute(Arguments given)
{
    return (Value){fabs(given.value[0].number), given.value[0].dimension};
}

static Value round_down(Arguments given)
{
    return (Value){floor(given.value[0].number), given.value[0].dimension};
}

static Value round_nearest(Arguments given)
{
    return (Value){floor(given.value[0].number + 0.5), given.value[0].dimension};
}

static Value smallest(Arguments given)
{
    Value found = given.value[0];
    for (int i = 1; i < given.count; i++)
        if (given.value[i].number < found.number)
            found = given.value[i];
    return found;
}

static Value largest(Arguments given)
{
    Value found = given.value[0];
    for (int i = 1; i < given.count; i++)
        if (given.value[i].number > found.number)
            found = given.value[i];
    return found;
}

static Value mean(Arguments given)
{
    double total = 0;
    for (int i = 0; i < given.count; i++)
        total += given.value[i].number;
    return (Value){total / given.count, given.value[0].dimension};
}

static const struct {
    const char *name;
    int most; /* how many arguments it takes */
    Value (*apply)(Arguments given);
} functions[] = {
    {"sqrt", 1, square_root},
    {"abs", 1, absolute},
    {"floor", 1, round_down},
    {"round", 1, round_nearest},
    {"min", POCKET_ARGUMENTS_MAX, smallest},
    {"max", POCKET_ARGUMENTS_MAX, largest},
    {"mean", POCKET_ARGUMENTS_MAX, mean},
};

Value function_call(Text name, int column, const Value *arguments, int count, Failure *failure)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (!text_equal(name, functions[i].name))
            continue;
        if (count == 0 || count > functions[i].most)
            fail_about(failure, column, "wrong number of arguments for", name);
        for (int other = 1; other < count; other++)
            if (!dimension_equal(arguments[0].dimension, arguments[other].dimension))
                fail_about(failure, column, "different units in", name);
        if (failure->happened)
            return (Value){0};
        return functions[i].apply((Arguments){arguments, count, column, failure});
    }
    fail_about(failure, column, "there is no function", name);
    return (Value){0};
}
