#ifndef FAILURE_H
#define FAILURE_H

#include "pocket.h"
#include "text.h"

/* Notes a failure, unless there is one already: the first is the one worth telling. */
void fail(Failure *failure, int column, const char *what);

/* The same, and tells about whom: `what 'whom'`. */
void fail_about(Failure *failure, int column, const char *what, Text whom);

#endif
