/* The first failure of a line, kept until it is told. */
#include "failure.h"

#include <stdio.h>

void fail(Failure *failure, int column, const char *what)
{
    if (failure->happened)
        return;
    failure->happened = true;
    failure->column = column;
    snprintf(failure->message, sizeof failure->message, "%s", what);
}

void fail_about(Failure *failure, int column, const char *what, Text whom)
{
    char message[sizeof failure->message];
    snprintf(message, sizeof message, "%s '%.*s'", what, (int)whom.length, whom.start);
    fail(failure, column, message);
}
